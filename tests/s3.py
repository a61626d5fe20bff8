"""A bucket on loopback that really verifies signatures, expiry and policies: Ceph's RGW, or else a stand-in."""

import atexit
import dataclasses
import functools
import http.client
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlencode

import boto3
from botocore.config import Config

from tests import s3_stand_in

REGION = "us-east-1"
CEPH_PROGRAMS = ("ceph", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
START_LIMIT_S = 60
# Linux kills the process when the thread that started it has ended, however it ended.
WITH_US = ("setpriv", "--pdeathsig", "KILL")


@dataclasses.dataclass(frozen=True)
class Bucket:
    """A bucket, the keys of its owner, and what kind of server has it: "RGW" or "stand-in"."""

    endpoint: str
    name: str
    access_key: str
    secret_key: str
    server: str
    region: str = REGION

    def client(self, endpoint: str | None = None) -> Any:
        """The owner's S3 client, which gives up at the first failure."""
        return _client(endpoint or self.endpoint, self.access_key, self.secret_key, self.region)

    def put(self, key: str, body: bytes, **extra: str) -> None:
        """Store an object; `extra` is more of boto's put_object, such as ContentEncoding="gzip"."""
        self.client().put_object(Bucket=self.name, Key=key, Body=body, **extra)

    def get(self, key: str) -> bytes | None:
        """The object as it is stored, None if there is none."""
        client = self.client()
        try:
            return bytes(client.get_object(Bucket=self.name, Key=key)["Body"].read())
        except client.exceptions.NoSuchKey:
            return None

    def delete(self, key: str) -> None:
        """Delete the object if there is one."""
        self.client().delete_object(Bucket=self.name, Key=key)

    def presigned_get(self, key: str, expires_s: int = 3600, endpoint: str | None = None) -> str:
        """A URL that anybody can read the object from, by way of a proxy at `endpoint` if given.

        The proxy must pass on the Host header, which is signed. A negative `expires_s` is how long ago it expired.
        """
        when: AbstractContextManager[object] = nullcontext()
        if expires_s < 0:
            signed = datetime.now(timezone.utc).replace(tzinfo=None) + timedelta(seconds=expires_s - 1)
            when, expires_s = mock.patch("botocore.auth.get_current_datetime", return_value=signed), 1
        with when:
            parameters = {"Bucket": self.name, "Key": key}
            return str(self.client(endpoint).generate_presigned_url("get_object", parameters, ExpiresIn=expires_s))

    def presigned_post(
        self, key: str, expires_s: int = 3600, max_bytes: int | None = None, endpoint: str | None = None
    ) -> tuple[str, str]:
        """A URL and the urlencoded form fields with which anybody can store the object of this key.

        `endpoint` and a negative `expires_s` are those of presigned_get.
        """
        conditions = [] if max_bytes is None else [["content-length-range", 0, max_bytes]]
        form = self.client(endpoint).generate_presigned_post(self.name, key, Conditions=conditions, ExpiresIn=expires_s)
        return str(form["url"]), urlencode(form["fields"])


@functools.cache
def _client(endpoint: str, access_key: str, secret_key: str, region: str) -> Any:
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1},
        proxies={},
        # The checksums that boto adds of late are nothing that older servers know.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
    return boto3.client("s3", endpoint_url=endpoint, region_name=region, config=config, **keys)


@functools.cache
def shared_bucket() -> Bucket:
    """The bucket of this test process, of RGW where Ceph is installed; its server ends with the process.

    To be called first from the main thread: RGW ends with the thread that started it.
    """
    server = ExitStack()
    atexit.register(server.close)
    return server.enter_context(serving_rgw() if rgw_is_installed() else serving_stand_in())


@contextmanager
def serving_stand_in() -> Iterator[Bucket]:
    """A fresh bucket of a stand-in."""
    access_key, secret_key = _new_keys()
    with s3_stand_in.serving(access_key, secret_key) as url:
        yield _new_bucket(url, access_key, secret_key, "stand-in")


def rgw_is_installed() -> bool:
    """Whether all of Ceph that is needed is there."""
    return all(shutil.which(program) for program in CEPH_PROGRAMS)


@contextmanager
def serving_rgw() -> Iterator[Bucket]:
    """A fresh bucket of a Ceph cluster as small as can be: one monitor, one OSD in memory and one RGW."""
    access_key, secret_key = _new_keys()
    with tempfile.TemporaryDirectory(prefix="ceph-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        try:
            cluster.start(access_key, secret_key)
            yield _new_bucket(cluster.url, access_key, secret_key, "RGW")
        finally:
            cluster.stop()


def _new_keys() -> tuple[str, str]:
    return secrets.token_hex(10).upper(), secrets.token_hex(20)


def _new_bucket(endpoint: str, access_key: str, secret_key: str, server: str) -> Bucket:
    bucket = Bucket(endpoint, f"tests-{secrets.token_hex(4)}", access_key, secret_key, server)
    bucket.client().create_bucket(Bucket=bucket.name)
    return bucket


class Cluster:
    """Ceph's processes, all that they write in one folder; they need no rights beyond an ordinary user's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.deadline = time.monotonic() + START_LIMIT_S
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, access_key: str, secret_key: str) -> None:
        """Start everything and make the owner of the keys known; returns when RGW answers."""
        cluster_id, osd_id = str(uuid.uuid4()), str(uuid.uuid4())
        monitor = f"v2:127.0.0.1:{free_port()}"
        for name in ("mon", "osd", "rgw"):
            (self.folder / name).mkdir()
        (self.folder / "ceph.conf").write_text(_config(self.folder, cluster_id, monitor, self.port))
        monitors = str(self.folder / "monmap")

        self.run("monmaptool", "--create", "--fsid", cluster_id, "--addv", "a", f"[{monitor}]", monitors)
        self.run("ceph-mon", "--foreground", "--mkfs", "--id", "a", "--monmap", monitors)
        self._serve("ceph-mon", "--id", "a")
        self.run("ceph", "osd", "new", osd_id)
        self.run("ceph-osd", "--foreground", "--mkfs", "--id", "0", "--osd-uuid", osd_id)
        self._serve("ceph-osd", "--id", "0")
        keys = (f"--access-key={access_key}", f"--secret-key={secret_key}")
        self.run("radosgw-admin", "user", "create", "--uid=tests", "--display-name=tests", *keys)
        self._serve("radosgw", "--name", "client.rgw")
        self._wait(self._answers)

    def stop(self) -> None:
        """Kill the processes; what they know is in memory only, so there is nothing for them to put in order."""
        for daemon in reversed(self.daemons):
            daemon.kill()
        for daemon in self.daemons:
            daemon.wait()

    def run(self, *command: str) -> None:
        """Run one of the cluster's commands to its end."""
        with self._popen(*command) as process:
            try:
                self._wait(lambda: process.poll() is not None)
            finally:
                process.kill()
        if process.returncode:
            raise RuntimeError(f"{command[0]} ended with status {process.returncode}.\n{self._logs()}")

    def _serve(self, *command: str) -> None:
        self.daemons.append(self._popen(*command, "--foreground"))

    def _popen(self, *command: str) -> subprocess.Popen[bytes]:
        program, *arguments = command
        with (self.folder / f"{program}.out").open("ab") as output:
            return subprocess.Popen(
                [*WITH_US, program, "--conf", str(self.folder / "ceph.conf"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _wait(self, is_done: Callable[[], bool]) -> None:
        while not is_done():
            if any(daemon.poll() is not None for daemon in self.daemons):
                raise RuntimeError(f"A process of Ceph has ended early.\n{self._logs()}")
            if time.monotonic() > self.deadline:
                raise RuntimeError(f"Ceph has not started within {START_LIMIT_S} seconds.\n{self._logs()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def _logs(self) -> str:
        """The last lines of everything that the processes wrote."""
        logs = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(
            f"{log.name}: {line}" for log in logs for line in log.read_text(errors="replace").splitlines()[-8:]
        )


def free_port() -> int:
    """A port of loopback on which nobody listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _config(folder: Path, cluster_id: str, monitor: str, rgw_port: int) -> str:
    # Without cephx the default mode of connections to monitors, "secure", can never be agreed on: hence crc. The
    # monitor else gathers changes for a second each, of which making RGW's pools takes ten.
    return f"""
[global]
fsid = {cluster_id}
mon_host = {monitor}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_ipv6 = false
ms_bind_retry_count = 1
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
run_dir = {folder}
log_file = {folder}/$name.log
admin_socket =
pid_file =
mon_data = {folder}/mon
mon_data_avail_warn = 2
mon_data_avail_crit = 1
mon_allow_pool_size_one = true
paxos_propose_interval = 0.05
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_crush_chooseleaf_type = 0
[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = {2 << 30}
osd_class_load_list = *
osd_class_default_list = *
[client.rgw]
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{rgw_port}
rgw_thread_pool_size = 16
"""
