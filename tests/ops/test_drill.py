"""`permit-hub drill-restore`, as an operator runs it: it ends with four empty providers, or with exit code 1."""

from pathlib import Path

from tests.support.city import PermitHub


def test_the_drill_ends_with_four_empty_providers(permit_hub: PermitHub, folder: Path) -> None:
    ended = permit_hub("drill-restore", "--data", folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("four empty providers") == 3
