"""Asks for the name, the home and the group of its user in all ways that Python has, and predicts if they agree."""

import getpass
import grp
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    user, group = pwd.getpwuid(os.getuid()), grp.getgrgid(os.getgid())
    file = Path("cache")
    file.mkdir()
    assert (user.pw_uid, group.gr_gid) == (os.getuid(), os.getgid())
    assert user in pwd.getpwall()
    assert user == pwd.getpwnam(user.pw_name)
    assert group in grp.getgrall()
    assert group == grp.getgrnam(group.gr_name)
    assert {user.pw_name} == {getpass.getuser(), os.environ["LOGNAME"], file.owner()}
    assert group.gr_name == file.group()
    assert os.path.expanduser("~") == os.environ["HOME"] == str(Path.home())
    assert os.path.expanduser("~" + user.pw_name) == user.pw_dir.rstrip("/")
    program = "import getpass, os; print(getpass.getuser(), os.path.expanduser('~'))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == [user.pw_name, os.environ["HOME"]]
    try:
        pwd.getpwnam("nobody at all")
    except KeyError:
        pass
    else:
        raise AssertionError("anybody has an entry")
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
