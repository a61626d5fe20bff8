"""cgroups.py: our control group is found, wherever it is mounted, and its figures are understood."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.sandbox import cgroup
from numerai_predict.sandbox.cgroup import MemoryGroup, tasks_limit

MB = 1 << 20
UNLIMITED = 9223372036854771712


class GroupCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mount = Path(folder.name)

    def write(self, folder: str, **files: str) -> Path:
        """The files of a group; `memory_stat` stands for memory.stat."""
        path = self.mount / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (path / name.replace("_", ".", 1)).write_text(content)
        return path

    def ours(self, membership: str) -> MemoryGroup | None:
        path = self.mount / "membership"
        path.write_text(membership)
        return MemoryGroup.ours(self.mount, path)


class OursTest(GroupCase):
    def group(self, folder: str, pid: int | None = None) -> Path:
        return self.write(folder, cgroup_procs=f"{pid or os.getpid()}\n", memory_stat="")

    def test_group_of_v2_is_found_by_its_path(self) -> None:
        self.group("")
        folder = self.group("system.slice/numerai.service")
        self.assertEqual(self.ours("0::/system.slice/numerai.service\n"), MemoryGroup(folder, 2))

    def test_group_of_v2_in_a_namespace_is_the_mount(self) -> None:
        self.assertEqual(self.ours("0::/\n"), None)
        self.group("")
        self.assertEqual(self.ours("0::/\n"), MemoryGroup(self.mount, 2))

    def test_group_of_v2_outside_of_the_namespace_is_the_mount(self) -> None:
        self.group("")
        self.assertEqual(self.ours("0::/../docker-1.scope\n"), MemoryGroup(self.mount, 2))

    def test_group_of_v1_is_found_by_its_path(self) -> None:
        self.group("memory")
        folder = self.group("memory/jobs/1")
        membership = "9:name=systemd:/\n4:cpu,memory:/jobs/1\n2:cpuset:/\n0::/\n"
        self.assertEqual(self.ours(membership), MemoryGroup(folder, 1))

    def test_group_of_v1_in_docker_is_the_mount(self) -> None:
        folder = self.group("memory")
        self.assertEqual(self.ours("4:memory:/docker/0123\n0::/docker/0123\n"), MemoryGroup(folder, 1))

    def test_group_where_both_versions_are_mounted_is_the_one_that_counts_memory(self) -> None:
        self.write("unified", cgroup_procs=f"{os.getpid()}\n")
        folder = self.group("memory/a")
        self.assertEqual(self.ours("0::/\n4:memory:/a\n"), MemoryGroup(folder, 1))
        folder = self.group("unified/b")
        self.assertEqual(self.ours("3:cpu:/a\n0::/b\n"), MemoryGroup(folder, 2))

    def test_group_without_us_is_not_ours(self) -> None:
        self.group("", pid=os.getpid() + 1)
        self.group("memory", pid=os.getpid() + 1)
        self.assertIsNone(self.ours("4:memory:/\n0::/\n"))

    def test_system_without_groups_has_none(self) -> None:
        self.assertIsNone(self.ours(""))
        self.assertIsNone(MemoryGroup.ours(self.mount, self.mount / "missing"))

    def test_this_systems_group_if_any_has_us_and_what_we_hold(self) -> None:
        held = b"x" * (64 * MB)
        group = MemoryGroup.ours()
        if group is not None:
            self.assertIn(os.getpid(), group.pids())
            self.assertGreater(group.held_bytes(), len(held) // 2)
            self.assertGreaterEqual(group.oom_kills(), 0)
            self.assertGreater(group.limit_bytes or len(held), len(held) // 2)


class FiguresTest(GroupCase):
    def test_limit_of_v2_is_the_least_of_the_group_and_those_above(self) -> None:
        self.write("a/b", memory_max="max\n")
        group = MemoryGroup(self.mount / "a/b", 2)
        self.assertIsNone(group.limit_bytes)
        self.write("a", memory_max=f"{512 * MB}\n")
        self.assertEqual(group.limit_bytes, 512 * MB)
        self.write("a/b", memory_max=f"{256 * MB}\n")
        self.assertEqual(group.limit_bytes, 256 * MB)

    def test_limit_of_v1_is_that_of_the_group_and_those_above(self) -> None:
        folder = self.write("", memory_stat=f"rss 1\nhierarchical_memory_limit {512 * MB}\n")
        self.assertEqual(MemoryGroup(folder, 1).limit_bytes, 512 * MB)

    def test_limit_above_the_machines_memory_is_none(self) -> None:
        folder = self.write("", memory_stat=f"hierarchical_memory_limit {UNLIMITED}\n", memory_max=f"{UNLIMITED}\n")
        self.assertIsNone(MemoryGroup(folder, 1).limit_bytes)
        self.assertIsNone(MemoryGroup(folder, 2).limit_bytes)

    def test_held_memory_is_without_the_disks_cache(self) -> None:
        stat = "cache 9\nrss 1\nshmem 1\ntotal_cache 90\ntotal_rss 20\ntotal_shmem 3\nanon 40\nfile 50\n"
        folder = self.write("", memory_stat=stat)
        self.assertEqual(MemoryGroup(folder, 1).held_bytes(), 23)
        self.assertEqual(MemoryGroup(folder, 2).held_bytes(), 41)

    def test_kernels_memory_of_v2_is_without_its_caches(self) -> None:
        folder = self.write("", memory_stat="kernel 900\nslab 700\nslab_reclaimable 500\nsock 30\nkernel_stack 9\n")
        self.assertEqual(MemoryGroup(folder, 2).kernel_bytes(), (430, 0))

    def test_kernels_memory_of_v2_without_a_sum_is_that_of_its_parts(self) -> None:
        stat = "kernel_stack 10\npagetables 20\npercpu 30\nslab 700\nslab_reclaimable 500\nsock 30\n"
        folder = self.write("", memory_stat=stat)
        self.assertEqual(MemoryGroup(folder, 2).kernel_bytes(), (290, 0))

    def test_kernels_memory_of_v1_goes_with_the_caches_of_the_machine(self) -> None:
        folder = self.write("", **{"memory_kmem.usage_in_bytes": "700\n"})
        meminfo = self.mount / "meminfo"
        meminfo.write_text("MemTotal:   9 kB\nSReclaimable:    5 kB\nSUnreclaim:  7 kB\n")
        with mock.patch.object(cgroup, "MEMINFO", meminfo):
            self.assertEqual(MemoryGroup(folder, 1).kernel_bytes(), (700, 5120))
            self.write("", **{"memory_kmem.tcp.usage_in_bytes": "40\n"})
            self.assertEqual(MemoryGroup(folder, 1).kernel_bytes(), (740, 5120))

    def test_oom_kills_are_counted(self) -> None:
        events = self.write("2", memory_events="low 0\noom 5\noom_kill 3\noom_group_kill 1\n")
        control = self.write("1", memory_oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
        self.assertEqual(MemoryGroup(events, 2).oom_kills(), 3)
        self.assertEqual(MemoryGroup(control, 1).oom_kills(), 2)

    def test_group_that_is_ended_as_a_whole_says_so(self) -> None:
        for text, expected in {"1\n": True, "0\n": False}.items():
            with self.subTest(text=text):
                folder = self.write("", **{"memory_oom.group": text})
                self.assertIs(MemoryGroup(folder, 2).kills_all_at_once, expected)

    def test_processes_are_those_of_the_groups_below_too(self) -> None:
        folder = self.write("a", cgroup_procs="12\n7\n")
        self.write("a/b/c", cgroup_procs="0\n99\n")
        self.assertEqual(MemoryGroup(folder, 2).pids(), {0, 7, 12, 99})

    def test_figures_that_cannot_be_read_are_none(self) -> None:
        group = MemoryGroup(self.mount / "missing", 2)
        self.assertEqual((group.held_bytes(), group.oom_kills(), group.pids()), (0, 0, set()))
        self.assertEqual((group.limit_bytes, group.kills_all_at_once), (None, False))
        self.assertEqual(group.kernel_bytes(), (0, 0))


class TasksLimitTest(GroupCase):
    def limit(self, membership: str) -> int | None:
        path = self.mount / "membership"
        path.write_text(membership)
        return tasks_limit(self.mount, path)

    def group(self, folder: str, limit: str) -> None:
        self.write(folder, cgroup_procs=f"{os.getpid()}\n", pids_max=f"{limit}\n")

    def test_limit_of_v1_in_docker_is_that_of_the_mount(self) -> None:
        self.group("pids", "40")
        self.assertEqual(self.limit("9:name=systemd:/docker/1\n8:pids:/docker/1\n0::/docker/1\n"), 40)

    def test_limit_of_v2_is_the_lowest_on_the_way(self) -> None:
        self.group("a/b", "max")
        self.write("a", pids_max="300\n")
        self.assertEqual(self.limit("0::/a/b\n"), 300)

    def test_group_without_a_limit_has_none(self) -> None:
        self.group("pids", "max")
        self.assertIsNone(self.limit("8:pids:/\n"))
        self.assertIsNone(self.limit(""))
