"""A decision tree whose nodes have the fields of an older version."""

import numpy as np
from sklearn.tree import DecisionTreeRegressor  # type: ignore[import-untyped]


class OldTree:
    def __reduce__(self) -> tuple[object, ...]:
        fitted = DecisionTreeRegressor().fit(np.eye(2), [0.0, 1.0]).tree_
        make, arguments, state = fitted.__reduce__()
        old = state["nodes"][["left_child", "right_child", "feature", "threshold"]]
        return make, arguments, {**state, "nodes": old}


MODEL = OldTree()
