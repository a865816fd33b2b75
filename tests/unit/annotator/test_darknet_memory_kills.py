"""The kernel's counters of processes that it killed because memory was full."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.darknet.program.memory_kills import MemoryKills, count_memory_kills


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_this_machine_answers():
    kills = count_memory_kills()
    assert kills.has_risen(kills) in (False, None)


@pytest.mark.parametrize(
    ("groups", "place"),
    [
        ("0::/user.slice/session-2.scope\n", "user.slice/session-2.scope/memory.events"),
        ("0::/../../the/host's/path\n", "memory.events"),
        ("9:name=systemd:/\n4:cpu,memory:/docker/ab\n0::/\n", "memory/docker/ab/memory.oom_control"),
        ("4:memory:/docker/ab\n", "memory/memory.oom_control"),
    ],
)
def test_the_group_s_counter_is_found_and_decides(tmp_path: Path, groups: str, place: str):
    put(tmp_path, "proc/self/cgroup", groups)
    put(tmp_path, "proc/vmstat", "nr_free_pages 12\noom_kill 5\n")
    put(tmp_path, f"sys/fs/cgroup/{place}", "low 0\nunder_oom 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    before = count_memory_kills(tmp_path)
    assert before == MemoryKills(group=2, machine=5)
    put(tmp_path, "proc/vmstat", "oom_kill 6\n")
    assert count_memory_kills(tmp_path).has_risen(before) is False  # another's
    put(tmp_path, f"sys/fs/cgroup/{place}", "oom_kill 3\n")
    assert count_memory_kills(tmp_path).has_risen(before) is True


def test_without_a_group_the_machine_s_counts_and_without_both_nothing_is_said(tmp_path: Path):
    assert count_memory_kills(tmp_path).has_risen(MemoryKills()) is None
    put(tmp_path, "proc/vmstat", "oom_kill 5\n")
    put(tmp_path, "proc/self/cgroup", "0::/\n")
    assert count_memory_kills(tmp_path).has_risen(MemoryKills(machine=5)) is False
    assert count_memory_kills(tmp_path).has_risen(MemoryKills(machine=4)) is True
