"""What lies under a log: file systems that tell of no changes, and those that hold no logs."""

from __future__ import annotations

import os
from collections.abc import Mapping

_TABLE = "/proc/self/mountinfo"
# Another machine writes to these, and its changes are not told of here.
_REMOTE = {
    "9p", "afs", "ceph", "cifs", "davfs", "drvfs", "fuse.sshfs", "fuse.glusterfs", "glusterfs",
    "lustre", "nfs", "nfs4", "ocfs2", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs",
    "fuse.vmhgfs-fuse",
}  # fmt: skip
# Their files are the kernel's own: they have no size, some never end, some wait for a reader.
_KERNEL = {
    "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "mqueue", "proc",
    "pstore", "securityfs", "sysfs", "tracefs",
}  # fmt: skip


def file_systems(table: str = _TABLE) -> dict[int, str]:
    """The type of each mounted file system, by ``st_dev``; {} where the system has no such list."""
    found: dict[int, str] = {}
    try:
        with open(table, "rb") as lines:
            for line in lines:
                # 36 35 0:45 / /mnt/logs rw,noatime shared:1 - nfs4 server:/logs rw
                before, _, after = line.partition(b" - ")
                major, _, minor = before.split()[2].partition(b":")
                found[os.makedev(int(major), int(minor))] = after.split()[0].decode("ascii")
    except (OSError, ValueError, IndexError):
        return {}
    return found


def is_kernels(device: int, types: Mapping[int, str]) -> bool:
    """Whether what lies on a device are no files on a disk but views of the system's inside."""
    return types.get(device, "") in _KERNEL


def remote(path: str, types: Mapping[int, str]) -> str:
    """The type of the file system of ``path`` where other machines write to it; else ""."""
    try:
        name = types.get(os.stat(path).st_dev, "")
    except OSError:
        return ""
    return name if name in _REMOTE else ""
