"""Runs a program under limits and away from the runtime, and says how it ended; knows nothing of models."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.sandbox.channel import LINE_LOST, ChildChannel, Message, ProtocolError
    from numerai_predict.sandbox.confine import confine, explain_network_errors
    from numerai_predict.sandbox.environment import THREAD_VARIABLES, available_cpus, model_environment
    from numerai_predict.sandbox.forks import fork_on_request
    from numerai_predict.sandbox.hide_parent import hide
    from numerai_predict.sandbox.launcher import Birthplace, Child, ExecLauncher, Launcher
    from numerai_predict.sandbox.linux import PR_SET_PDEATHSIG, prctl
    from numerai_predict.sandbox.network_attempts import NetworkAttempts
    from numerai_predict.sandbox.outcome import PROMISES, Limits, Outcome, Stop
    from numerai_predict.sandbox.reaper import fork_program
    from numerai_predict.sandbox.signals import undisturbed
    from numerai_predict.sandbox.supervisor import Supervisor
    from numerai_predict.sandbox.task import Task
    from numerai_predict.sandbox.template import ForkLauncher, Template
    from numerai_predict.sandbox.user_name import name_user
    from numerai_predict.sandbox.workspace import NoWorkspaceError

__all__ = [
    "LINE_LOST",
    "PROMISES",
    "PR_SET_PDEATHSIG",
    "THREAD_VARIABLES",
    "Birthplace",
    "Child",
    "ChildChannel",
    "ExecLauncher",
    "ForkLauncher",
    "Launcher",
    "Limits",
    "Message",
    "NetworkAttempts",
    "NoWorkspaceError",
    "Outcome",
    "ProtocolError",
    "Stop",
    "Supervisor",
    "Task",
    "Template",
    "available_cpus",
    "confine",
    "explain_network_errors",
    "fork_on_request",
    "fork_program",
    "hide",
    "model_environment",
    "name_user",
    "prctl",
    "undisturbed",
]

__getattr__ = on_demand(
    __name__,
    {
        "channel": "LINE_LOST ChildChannel Message ProtocolError",
        "confine": "confine explain_network_errors",
        "environment": "THREAD_VARIABLES available_cpus model_environment",
        "forks": "fork_on_request",
        "hide_parent": "hide",
        "launcher": "Birthplace Child ExecLauncher Launcher",
        "linux": "PR_SET_PDEATHSIG prctl",
        "network_attempts": "NetworkAttempts",
        "outcome": "PROMISES Limits Outcome Stop",
        "reaper": "fork_program",
        "signals": "undisturbed",
        "supervisor": "Supervisor",
        "task": "Task",
        "template": "ForkLauncher Template",
        "user_name": "name_user",
        "workspace": "NoWorkspaceError",
    },
)
