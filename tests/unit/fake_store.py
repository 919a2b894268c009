"""The part of the desk about the store, for the tests."""

from dataclasses import dataclass, field, replace
from typing import Any

from byzwizard.desk import Keeping
from byzwizard.errors import ByzantiumError, Damaged


@dataclass
class FakeStore:
    """Of byzwizard.desk.Desk, out of fields."""

    asked: list[Any] = field(default_factory=list, kw_only=True)
    confirmed: tuple[str, ...] = field(default=(), kw_only=True)  # seals of the disks that were shown
    store: Keeping | None = field(default=None, kw_only=True)
    opens: str = field(default="cactus orbit velvet", kw_only=True)
    damaged: bool = field(default=False, kw_only=True)
    weighs: dict[str, int] = field(default_factory=dict, kw_only=True)

    def locked(self) -> bool:
        return self.store is not None and not self.store.open

    def opened(self) -> bool:
        return self.store is not None and self.store.open

    def keeping(self) -> Keeping | None:
        return self.store

    def weights(self) -> dict[str, int]:
        return self.weighs

    def unlock(self, passphrase: str, mend: bool = False) -> None:
        self.asked.append(("unlock", mend))
        if passphrase != self.opens:
            raise ByzantiumError("This is not the passphrase of the store.", "Is the keyboard layout the right one?")
        if self.damaged and not mend:
            raise Damaged("The file system of the store is damaged.")
        assert self.store is not None
        self.store = replace(self.store, open=True, fill=0.25, sizes={"identity": 4096})

    def lock(self) -> None:
        assert self.store is not None
        self.store = replace(self.store, open=False)

    def change_passphrase(self, old: str, new: str) -> None:
        if old != self.opens:
            raise ByzantiumError("This is not the passphrase of the store.", "")
        self.opens = new

    def delete_store(self, seal: str) -> None:
        self.store, self.confirmed = None, (seal,)

    def delete_kept(self, name: str) -> None:
        assert self.store is not None
        left = tuple(other for other in self.store.left_over if other != name)
        self.store = replace(self.store, left_over=left)
