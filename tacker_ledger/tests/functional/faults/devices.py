# SPDX-License-Identifier: Apache-2.0
"""Disks of one node's own that run full, or whose device fails.

A full disk refuses what is written to it at once.  A failing device refuses
later: what was written is in the page cache, fsync reports the loss, and the
kernel takes the pages for clean from then on.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

MIB = 1024 * 1024
#: As the file system believes; what backs it is ``_BACKING_MIB``.
_DEVICE_MIB = 512
_BACKING_MIB = 192

# linux/loop.h
_LOOP_CTL_GET_FREE = 0x4C82
_LOOP_SET_FD = 0x4C00
_LOOP_CLR_FD = 0x4C01
_LOOP_MAJOR = 7
_CONTROL = pathlib.Path('/dev/loop-control')


def _run(*command: str | os.PathLike[str]) -> None:
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'
    subprocess.run([str(word) for word in command], check=True, text=True,
                   capture_output=True, env={**os.environ, 'PATH': path})


def _fill(path: pathlib.Path) -> None:
    """Leave no room at all."""
    with open(path, 'ab', buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))


class SmallDisk:
    """A tmpfs of its own for one directory.

    :raises CalledProcessError: it cannot be mounted
    """

    def __init__(self, directory: pathlib.Path, size_mib: int):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        _run('mount', '-t', 'tmpfs', '-o', f'size={size_mib}m,mode=700',
             'tacker-ledger-test', directory)

    @property
    def _ballast(self) -> pathlib.Path:
        return self.directory / 'ballast'

    def fill(self) -> None:
        """Leave no room at all."""
        _fill(self._ballast)

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink()

    def close(self) -> None:
        """Take it away."""
        with contextlib.suppress(subprocess.CalledProcessError):
            _run('umount', '-l', self.directory)


class FailingDevice:
    """A block device with a file system, mounted at one directory.

    The device is a loop over a file with holes on a small tmpfs.  While that
    is full, blocks which were never written before cannot be: the device
    fails such writes (I/O errors in the kernel's log, ENOSPC from fsync, as
    the loop driver translates them).  There is no journal in the file system
    that would be the first to notice, and to refuse everything ever after.

    :raises CalledProcessError: this kernel has no such thing
    :raises OSError: the same
    """

    def __init__(self, directory: pathlib.Path):
        self._stack = contextlib.ExitStack()
        try:
            self._make(directory)
        except BaseException:
            self.close()
            raise

    def _make(self, directory: pathlib.Path) -> None:
        below = pathlib.Path(tempfile.mkdtemp(prefix='tacker-ledger-'))
        self._stack.callback(shutil.rmtree, below, ignore_errors=True)
        self._backing = SmallDisk(below, _BACKING_MIB)
        self._stack.callback(self._backing.close)
        image = below / 'image'
        with open(image, 'wb') as file:
            file.truncate(_DEVICE_MIB * MIB)
        _run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-N', '2048',
             '-E', 'lazy_itable_init=0,nodiscard', image)
        device = self._attach(image)
        directory.mkdir(parents=True, exist_ok=True)
        _run('mount', '-o', 'errors=continue', device, directory)
        self._stack.callback(_unmount, directory)

    def _attach(self, image: pathlib.Path) -> pathlib.Path:
        while True:
            with open(_CONTROL, 'rb') as control:
                number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            device = pathlib.Path(f'/dev/loop{number}')
            if not device.exists():
                os.mknod(device, stat.S_IFBLK | 0o600,
                         os.makedev(_LOOP_MAJOR, number))
            with open(image, 'r+b') as file, open(device, 'r+b') as loop:
                try:
                    fcntl.ioctl(loop, _LOOP_SET_FD, file.fileno())
                except OSError as error:
                    if error.errno == errno.EBUSY:
                        continue  # somebody else was faster
                    raise
            self._stack.callback(_detach, device)
            return device

    def fail(self) -> None:
        """Let it fail from now on."""
        self._backing.fill()

    def mend(self) -> None:
        """Let it work from now on."""
        self._backing.free()

    def close(self) -> None:
        """Take it away."""
        self._stack.close()


def _unmount(directory: pathlib.Path) -> None:
    with contextlib.suppress(subprocess.CalledProcessError):
        _run('umount', '-l', directory)


def _detach(device: pathlib.Path) -> None:
    with contextlib.suppress(OSError), open(device, 'rb') as loop:
        fcntl.ioctl(loop, _LOOP_CLR_FD)
