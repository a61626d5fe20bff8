"""The GraphQL of the stand-in: parsed and validated against schema.graphql, as the real API does with its own."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import graphql

from tests.api.stand_in_answers import Answers
from tests.api.stand_in_state import NumeraiStandIn
from tests.api.stand_in_storage import Storage
from tests.api.stand_in_submissions import NotPossible

SCHEMA = Path(__file__).with_name("schema.graphql")
# Which scope a key needs for a field; None: any key will do. What is not here is public.
SCOPES = {
    "account": "read_user_info",
    "apiTokenInfo": None,
    "submissions": "read_submission_info",
    "submissionUploadAuth": "upload_submission",
    "createSubmission": "upload_submission",
    "computePickleDockerImages": None,
    "computePickles": "read_user_info",
    "diagnosticsUploadAuth": "upload_submission",
    "createDiagnostics": "upload_submission",
    "diagnostics": "read_submission_info",
}
# numerapi asks for these by other names.
OTHER_NAMES = {"submission_upload_auth": "submissionUploadAuth", "create_submission": "createSubmission"}


def snake(name: str) -> str:
    """`model_id` of `modelId`."""
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)


@cache
def schema() -> graphql.GraphQLSchema:
    """The schema; its fields are called with arguments in Python's spelling."""
    built = graphql.build_schema(SCHEMA.read_text())
    for kind in filter(None, (built.query_type, built.mutation_type)):
        for field in kind.fields.values():
            for name, argument in field.args.items():
                argument.out_name = snake(name)
    return built


def resolve_field(parent: Mapping[str, Any], info: graphql.GraphQLResolveInfo[None], /, **given: object) -> object:
    """As graphql-core does it, which takes no argument of the name `source`."""
    value = parent.get(info.field_name)
    return value(**given) if callable(value) else value


@dataclass(frozen=True)
class Question:
    """A GraphQL request: the fields that it asks for, by their usual names."""

    query: str
    variables: dict[str, Any]
    key: str  # "PUBLIC$SECRET" of the header, or empty.

    @property
    def operations(self) -> list[str]:
        """Its top-level fields; none if it is no GraphQL."""
        try:
            document = graphql.parse(self.query)
        except graphql.GraphQLError:
            return []
        return [
            OTHER_NAMES.get(field.name.value, field.name.value)
            for definition in document.definitions
            if isinstance(definition, graphql.OperationDefinitionNode)
            for field in definition.selection_set.selections
            if isinstance(field, graphql.FieldNode)
        ]


class Api:
    """Answers questions, each field to whoever has the scope for it."""

    def __init__(self, state: NumeraiStandIn, storage: Storage) -> None:
        self._state = state
        self._fields = Answers(state, storage).fields()

    def answer(self, question: Question) -> dict[str, Any]:
        """The answer in JSON's types. What no schema of the API has is a violation."""
        wrong = self._not_of_the_schema(question)
        if wrong:
            self._state.violations.append(f"a query that the API does not take: {wrong[0].message}")
            return {"errors": [error.formatted for error in wrong]}
        with self._state.lock:
            result = graphql.graphql_sync(
                schema(),
                question.query,
                self._root(question.key),
                variable_values=question.variables,
                field_resolver=resolve_field,
            )
        for error in result.errors or ():
            if error.original_error is None or isinstance(error.original_error, graphql.GraphQLError):
                self._state.violations.append(f"a query that the API does not take: {error.message}")
            elif not isinstance(error.original_error, NotPossible):
                raise error.original_error  # A mistake of the stand-in.
        return dict(result.formatted)

    def _not_of_the_schema(self, question: Question) -> list[graphql.GraphQLError]:
        try:
            return graphql.validate(schema(), graphql.parse(question.query))
        except graphql.GraphQLSyntaxError as error:
            return [error]

    def _root(self, key: str) -> Mapping[str, Callable[..., object]]:
        """The top-level fields, for whoever has this key."""
        guarded = {name: self._guarded(name, resolve, key) for name, resolve in self._fields.items()}
        return {**guarded, **{other: guarded[name] for other, name in OTHER_NAMES.items()}}

    def _guarded(self, name: str, resolve: Callable[..., object], key: str) -> Callable[..., object]:
        """The field behind its scope."""

        def resolve_guarded(**given: object) -> object:
            if name in SCOPES:
                self._authorize(key, SCOPES[name])
            return resolve(key, **given)

        return resolve_guarded

    def _authorize(self, key: str, scope: str | None) -> None:
        scopes = self._state.scopes.get(key)
        if scopes is None:
            raise NotPossible("Your session is invalid or has expired.")
        if scope not in (None, *scopes):
            raise NotPossible(f"Your API key lacks the scope {scope}.")
