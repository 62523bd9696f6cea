"""The identity of an artifact: what was promoted is what is served."""

from hashlib import sha256
from pathlib import Path


def digest_of(folder: Path) -> str:
    """Hash the names and contents of all files in a folder.

    Args:
        folder: of an artifact; sub-folders are included, the folder's own name is not.

    Returns:
        SHA-256, 64 hexadecimal digits; lengths go in too, so that no two folders read alike.
    """
    whole = sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        content = path.read_bytes()
        whole.update(f"{len(name)} {len(content)}\n".encode() + name + content)
    return whole.hexdigest()
