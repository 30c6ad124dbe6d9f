"""What goes into the machine beside its kernel: faultvisor, the caller's files, the command.

libZydis has no static library in Debian 12, so faultvisor is a dynamic executable: every executable that goes
in takes along the loader and the shared libraries that ldd names for it, at the paths that they have here."""
import os
import shlex
import stat
import subprocess

import archive


class PayloadError(Exception):
    pass


def split_file_option(option):
    """PATH[=DEST] as (path, place in the machine). DEST is below /job unless it starts with a slash, and
    names a folder to put PATH into if it ends with one."""
    path, equals, place = option.rpartition("=")
    if not equals or os.path.exists(option):
        path, place = option, ""
    if not os.path.exists(path):
        raise PayloadError(f"--file {option}: there is no {path}")
    name = os.path.basename(os.path.abspath(path))
    if place == "" or place.endswith("/"):
        place += name
    return path, os.path.normpath(os.path.join("/job", place))


def _is_executable_elf(path):
    info = os.stat(path)
    if not stat.S_ISREG(info.st_mode) or not info.st_mode & 0o111:
        return False
    with open(path, "rb") as f:
        return f.read(4) == b"\x7fELF"


def _executables_in(path):
    if not os.path.isdir(path):
        return [path] if _is_executable_elf(path) else []
    files = (os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names)
    return [f for f in files if os.path.exists(f) and _is_executable_elf(f)]


def shared_libraries(program):
    """The loader and the libraries that a program wants; none for a static one."""
    done = subprocess.run(["ldd", program], capture_output=True, text=True, errors="surrogateescape")
    if done.returncode != 0:
        return []
    found = []
    for line in done.stdout.splitlines():
        if "not found" in line:
            raise PayloadError(f"{program} lacks a library here: {line.strip()}")
        found += [word for word in line.split() if word.startswith("/")][:1]
    return found


def write(path, substrate, command, gets, files, faultvisor):
    """The archive for one run. files: pairs of a path here and a place in the machine."""
    with open(path, "wb") as out:
        w = archive.Writer(out)
        w.data("nested/config", f"SUBSTRATE={substrate}\n".encode())
        w.data("nested/command", os.fsencode(f"cd /job\nexec {shlex.join(command)}\n"))
        w.data("nested/get", os.fsencode("".join(get + "\n" for get in gets)))
        w.directory("job")
        if os.path.exists(faultvisor):
            files = [(faultvisor, "/usr/bin/faultvisor"), *files]
        for source, place in files:
            w.file(place, source)
            for program in _executables_in(source):
                for library in shared_libraries(program):
                    if not w.has(library):
                        w.file(library, library)
        w.end()
