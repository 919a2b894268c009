"""What a boot looks for is asked twice: by a shell script, because it starts sooner, and by the program."""

from pathlib import Path

from byzwizard import boot, places
from byzwizard.backends import keep, storefile

SCRIPT = Path("iso/overlay/usr/lib/byzantium/boot-has-work").read_text()


def test_the_script_knows_every_place_that_the_program_looks_at() -> None:
    assert f"medium={boot.MEDIUM}\n" in SCRIPT
    assert f"/dev/disk/by-label/{places.LABEL}" in SCRIPT
    assert f' {boot.OPTION}"*)' in SCRIPT
    for path in (str(boot.CREDENTIAL), keep.ANSWERS, "$medium/byzantium/answers.yaml"):
        assert f"[ ! -e {path} ] || exit 0" in SCRIPT
    assert "for file in " + " ".join(f"$medium/{place}" for place in storefile.PLACES) + ";" in SCRIPT
