"""A FAT32 file system as a power cut leaves it while a file grows: clusters in its chain, and not yet its size."""

import struct
from pathlib import Path

MORE = 1 << 20  # bytes that came
END = 0x0FFFFFFF


def grows(image: Path, name: str, at: int = 0) -> None:
    """The file `name` (as it stands in the root folder: "SAVE    DAT") of the file system at byte `at` of `image`."""
    with image.open("r+b") as file:
        file.seek(at)
        boot = file.read(512)
        sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
        (length,) = struct.unpack_from("<I", boot, 36)
        table = at + reserved * sector
        file.seek(table)
        clusters = list(struct.unpack(f"<{length * sector // 4}I", file.read(length * sector)))
        file.seek(table + tables * length * sector)
        root = file.read(per_cluster * sector)
        entry = next(root[i : i + 32] for i in range(0, len(root), 32) if root[i : i + 11] == name.encode())
        high, low = struct.unpack_from("<H", entry, 20)[0], struct.unpack_from("<H", entry, 26)[0]
        last = high << 16 | low
        while clusters[last] & END < 0x0FFFFFF8:
            last = clusters[last] & END
        free = [number for number, value in enumerate(clusters) if number > last and not value]
        for new in free[: MORE // (per_cluster * sector)]:
            clusters[last], clusters[new], last = new, END, new
        for copy in range(tables):
            file.seek(table + copy * length * sector)
            file.write(struct.pack(f"<{len(clusters)}I", *clusters))
