"""A round on a Slurm cluster of two nodes on this machine: `make prove_slurm`, once a release.

Real daemons, Debian's, and real containers of the image; the round is a folder. It needs root, Slurm and munge, a
Docker engine and 2 CPUs, and takes some minutes, as Slurm waits for a node that does not answer, and before it tries a
job again. `python -m unittest` does not find it by itself.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.images.engine import IMAGE, ROOT, docker, open_folder, remove
from tests.images.rounds import Results, check_results, single_runs, wait_until, write_round

EXAMPLE = ROOT / "examples/round/round.sbatch"
EXAMPLE_IMAGE = "ghcr.io/numerai/numerai_predict_py_3_11:stable"
NODES = ("n1", "n2")
# Of the worker that loses its node or container: there is enough left to do then.
OUTCOMES_BEFORE = 3
# Everything on loopback, and each node its own port and folder.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SlurmdTimeout=15
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=6000 Features=docker
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=6000 Features=docker
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
"""


class Cluster:
    """munged, slurmctld and two slurmd, whose files are in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        configuration = folder / "slurm.conf"
        host = socket.gethostname().partition(".")[0]
        configuration.write_text(CONFIGURATION.format(host=host, folder=folder, ports=unused_ports(3)))
        self._environment = {**os.environ, "SLURM_CONF": str(configuration)}
        for name in ("state", *NODES):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        own = {"key-file": key.name, "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        files = [f"--{flag}={folder / name}" for flag, name in {**own, "log-file": "munge.log"}.items()]
        self._start("munge", "munged", "--foreground", "--force", *files)
        wait_until((folder / "munge.socket").exists, "munge")
        self._start("slurmctld", "slurmctld", "-D")
        for node in NODES:
            self.start_node(node)
        wait_until(lambda: self.nodes() == {"idle"}, "idle nodes")

    def start_node(self, node: str) -> None:
        """Start the daemon of a node, which the processes of its jobs do not outlive."""
        self._start(node, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "slurmd", "-D", "-N", node)

    def kill_node(self, node: str) -> None:
        """End all its processes at once, as if it had lost its power. (Containers are the engine's.)"""
        process = self._processes[node]
        process.kill()
        process.wait()

    def ask(self, *command: str | Path) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(
            [*map(str, command)],
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{command}: {done.stderr}\n{self.logs()}")
        return done.stdout.strip()

    def nodes(self) -> set[str]:
        """The states that nodes are in; none as long as the controller does not answer."""
        with contextlib.suppress(AssertionError):
            return {*self.ask("sinfo", "--noheader", "--Node", "--format=%T").split()}
        return set()

    def logs(self) -> str:
        """What daemons and jobs have said."""
        return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        """End everything that was started."""
        for node in NODES:
            self.kill_node(node)  # unshare ignores SIGTERM.
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait()

    def _start(self, name: str, *command: str) -> None:
        with open(self._folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                command, env=self._environment, cwd=self._folder, stdout=log, stderr=log
            )


def unused_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


class SlurmTest(unittest.TestCase):
    """An array of two tasks, of which the second meets with something; the first goes on."""

    cluster: ClassVar[Cluster]
    slurm_folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        single_runs()  # Now, as they would slow the workers down.
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.slurm_folder = Path(folder.name)
        cls.cluster = Cluster(cls.slurm_folder)
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self) -> None:
        self.round = open_folder()
        self.addCleanup(remove, self.round)
        write_round(self.round)
        script = self.slurm_folder / "round.sbatch"
        text = EXAMPLE.read_text()
        self.assertEqual(1, text.count(EXAMPLE_IMAGE))
        script.write_text(text.replace(EXAMPLE_IMAGE, IMAGE))
        self.array = self.cluster.ask("sbatch", "--parsable", "--array=0-1", script, self.round)
        self.addCleanup(docker, "rm", "--force", self.container(0), self.container(1))
        self.addCleanup(self.cluster.ask, "scancel", self.array)
        wait_until(lambda: len(self.results().of_worker(1)) >= OUTCOMES_BEFORE, "outcomes of the second worker")

    def container(self, task: int) -> str:
        """The name of a task's container."""
        return f"numerai-slurm-{self.array}_{task}"

    def results(self) -> Results:
        """What lies in the round."""
        outcomes = {path.stem: json.loads(path.read_text()) for path in self.round.glob("outcomes/*.json")}
        return Results(outcomes, {path.stem: path.read_bytes() for path in self.round.glob("predictions/*.csv")})

    def facts(self, task: int) -> dict[str, str]:
        """What the controller knows of a task."""
        shown = self.cluster.ask("scontrol", "show", "job", "--oneliner", f"{self.array}_{task}")
        return dict(re.findall(r"(\w+)=(\S+)", shown))

    def check_end(self) -> None:
        """The round is run, and the second task was started once more, and the first was not."""
        wait_until(lambda: not self.cluster.ask("squeue", "--noheader"), "the end of all tasks")
        check_results(self, self.results())
        ends = [(self.facts(task)["Restarts"], self.facts(task)["ExitCode"]) for task in (0, 1)]
        self.assertEqual([("0", "0:0"), ("1", "0:0")], ends, self.cluster.logs())

    def test_round_goes_on_when_a_node_is_gone(self) -> None:
        node = self.facts(1)["NodeList"]
        self.cluster.kill_node(node)
        self.assertEqual(0, docker("kill", self.container(1)).returncode)
        wait_until(lambda: self.facts(1)["JobState"] == "PENDING", "the task to be requeued")
        self.cluster.start_node(node)
        self.check_end()

    def test_task_whose_container_is_killed_is_requeued_alone(self) -> None:
        self.assertEqual(0, docker("kill", self.container(1)).returncode)
        self.check_end()

    def test_cancelled_job_leaves_no_container_and_is_not_requeued(self) -> None:
        self.cluster.ask("scancel", self.array)
        wait_until(lambda: not self.cluster.ask("squeue", "--noheader"), "the end of all tasks")
        for task in (0, 1):
            self.assertEqual("CANCELLED", self.facts(task)["JobState"])
            self.assertNotEqual(0, docker("inspect", self.container(task)).returncode)


if __name__ == "__main__":
    unittest.main()
