"""cpio archives of the kind that the kernel unpacks into its first root (newc), written and read.

Both directions are done here rather than by cpio(1): the archive that goes in holds device nodes and files
of root's, which an ordinary user could not make on disk, and the one that comes out was written by a machine
that may run anything, so each name in it is checked before a file is made of it.
Format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst."""
import os
import re
import stat

HEADER_BYTES = 110
HEADER = re.compile(rb"070701[0-9A-Fa-f]{104}")  # int() would take signs and spaces for digits, too
END = "TRAILER!!!"


class ArchiveError(Exception):
    pass


class CutShort(ArchiveError):
    """It may have been good up to where it ends."""


class Writer:
    """Adds members to a binary file object. Parents of a member are added before it, once."""

    def __init__(self, out):
        self.out = out
        self.seen = set()

    def _member(self, path, mode, data=b"", rdev=(0, 0)):
        name = os.fsencode(path.strip("/")) + b"\0"
        fields = [len(self.seen), mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0]
        self.seen.add(path.strip("/"))
        self.out.write(b"070701" + b"".join(b"%08x" % f for f in fields) + name)
        self.out.write(bytes(-(HEADER_BYTES + len(name)) % 4) + data + bytes(-len(data) % 4))

    def directory(self, path):
        path = path.strip("/")
        if path and path not in self.seen:
            self.directory(os.path.dirname(path))
            self._member(path, stat.S_IFDIR | 0o755)

    def data(self, path, data, mode=0o644):
        self.directory(os.path.dirname(path))
        self._member(path, stat.S_IFREG | mode, data)

    def node(self, path, major, minor):
        self.directory(os.path.dirname(path))
        self._member(path, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def file(self, path, source):
        """One file of the host, or a folder with all that is in it. Links inside a folder stay links."""
        info = os.stat(source)
        if stat.S_ISDIR(info.st_mode):
            self.directory(path)
            for name in sorted(os.listdir(source)):
                self._entry(os.path.join(path, name), os.path.join(source, name))
        elif stat.S_ISREG(info.st_mode):
            with open(source, "rb") as f:
                self.data(path, f.read(), info.st_mode & 0o777)
        else:
            raise ArchiveError(f"{source}: neither a file nor a folder")

    def _entry(self, path, source):
        if os.path.islink(source):
            self._member(path, stat.S_IFLNK | 0o777, os.fsencode(os.readlink(source)))
        else:
            self.file(path, source)

    def has(self, path):
        return path.strip("/") in self.seen

    def end(self):
        self._member(END, 0)


def members(blob, start):
    """The members of the archive at blob[start:], as (name, mode, data, what tells the file if it has several
    names); the generator returns the offset of the first byte after it. Raises ArchiveError where the bytes are
    no archive."""
    at = start
    while True:
        header = bytes(blob[at:at + HEADER_BYTES])
        if len(header) < HEADER_BYTES:
            raise CutShort(f"it ends in a header, at byte {at}")
        if not HEADER.fullmatch(header):
            raise ArchiveError(f"no member of an archive at byte {at}")
        fields = [int(header[6 + 8 * i:14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name_at = at + HEADER_BYTES
        data_at = name_at + name_size + (-(HEADER_BYTES + name_size) % 4)
        if name_size < 1:
            raise ArchiveError(f"a member without a name at byte {at}")
        if data_at + size > len(blob):
            raise CutShort(f"a member at byte {at} reaches past the end")
        name = os.fsdecode(bytes(blob[name_at:name_at + name_size - 1]))
        at = data_at + size + (-size % 4)
        if name == END:
            return at
        several_names = (fields[7], fields[8], fields[0]) if fields[4] > 1 else None
        yield name, mode, blob[data_at:data_at + size], several_names


def _destination(root, name, wanted):
    """Where a member goes. It must lie below root, be or be in what was asked for, and no link on the way may
    lead elsewhere."""
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise ArchiveError(f"the machine sent a file named {name!r}")
    if "." not in wanted and parts[:1] and parts[0] not in wanted:
        raise ArchiveError(f"the machine sent a file named {name!r}, for which nobody asked")
    here = root
    for part in parts:
        here = os.path.join(here, part)
        if os.path.islink(here):
            raise ArchiveError(f"{here}: a link is in the way")
    return here


def extract(blob, start, root, wanted):
    """Make the files and folders of the archive at blob[start:] below root. Anything else in it (symbolic links,
    devices) is left out. wanted: the names that members may begin with; any if "." is among them. Returns the
    offset after the archive."""
    walk, empty_so_far = members(blob, start), {}
    while True:
        try:
            name, mode, data, several_names = next(walk)
        except StopIteration as stop:
            return stop.value
        path = _destination(root, name, wanted)
        if stat.S_ISDIR(mode):
            os.makedirs(path, exist_ok=True)
        elif stat.S_ISREG(mode):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(data)
            os.chmod(path, mode & 0o755 | 0o600)
            if several_names:  # the data come with the last of them
                others = empty_so_far.setdefault(several_names, set())
                others.add(path)
                if data:
                    for other in others - {path}:
                        os.unlink(other)
                        os.link(path, other)
                    others.clear()
