"""Tariffs: the shipped file, and the errors of a wrong file."""

from pathlib import Path

import pytest

from schemas.receipts import RefusalCode
from worker.domain.refusal import JobRefusedError
from worker.domain.tariffs import Tariffs, TariffsError, load
from worker.settings import DEFAULT_TARIFFS

SHIPPED = DEFAULT_TARIFFS.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("profile", "prices"),
    [
        ("standard", {1: 4500, 3: 9000}),
        ("two_wheeler", {1: 2250, 3: 4500}),
        ("low_emission", {1: 0, 3: 0}),
        ("non_taxable", {1: 0, 3: 0}),
    ],
)
def test_the_shipped_tariffs_have_these_prices(tariffs: Tariffs, profile: str, prices: dict[int, int]) -> None:
    assert {years: tariffs.price_cents(profile, years) for years in prices} == prices
    assert set(tariffs.profiles[profile].price_cents) == set(prices)


def test_the_shipped_tariffs_have_these_periods(tariffs: Tariffs) -> None:
    assert (tariffs.renewal_opens_months, tariffs.address_change_cents, tariffs.unpaid_lapses_after_days) == (
        2,
        1000,
        30,
    )


@pytest.mark.parametrize(
    ("profile", "years", "field"), [("lorry", 1, "profile"), ("standard", 2, "years"), ("", 0, "profile")]
)
def test_an_unknown_tariff_is_refused_by_its_field(tariffs: Tariffs, profile: str, years: int, field: str) -> None:
    with pytest.raises(JobRefusedError) as caught:
        tariffs.price_cents(profile, years)
    assert (caught.value.code, caught.value.field) == (RefusalCode.UNKNOWN_TARIFF, field)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("renewal_opens_months = 2 ", "", "renewal_opens_months: Field required"),
        ("= 1000", "= 10.5", "address_change_cents: "),
        ("= 1000", "= '10'", "address_change_cents: "),
        ("= 1000", "= -1", "address_change_cents: "),
        ("= 1000", "= true", "address_change_cents: "),
        ("= 30 ", "= 0 ", "unpaid_lapses_after_days: "),
        ("address_change_cents", "adress_change_cents", "adress_change_cents: Extra inputs"),
        ("1 = 4500", "1 = -4500", "profiles.standard.price_cents.1: "),
        ("1 = 4500", "1 = '45 €'", "profiles.standard.price_cents.1: "),
        ("1 = 4500", "0 = 4500", "profiles.standard.price_cents.0"),
        ("1 = 4500", "one = 4500", "profiles.standard.price_cents.one"),
        ("{ 1 = 4500, 3 = 9000 }", "{}", "profiles.standard.price_cents: "),
        ("standard", "'Standard!'", "profiles.Standard!"),
        ("[profiles.standard]", "[profile.standard]", "profile: Extra inputs"),
        ("[profiles.standard]", "[profiles.standard", "at line"),
        ('requires = ["residence", "vehicle"]', "", "profiles.standard.requires: Field required"),
        ('requires = ["residence", "vehicle"]', 'requires = ["car"]', "profiles.standard.requires"),
        ("= 90 ", "= 0 ", "verified_counts_days: "),
        ("1 = 4500", "1 = 4500, 1 = 1", "at line"),
    ],
)
def test_a_wrong_file_is_refused_with_the_entry_at_fault(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "tariffs.toml"
    assert old in SHIPPED
    path.write_text(SHIPPED.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TariffsError) as caught:
        load(path)
    assert named in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TariffsError, match="No such file"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(TariffsError, match="Is a directory"):
        load(tmp_path)
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# été".encode("latin-1"))
    with pytest.raises(TariffsError, match="not TOML"):
        load(latin)


def test_tariffs_are_immutable(tariffs: Tariffs) -> None:
    with pytest.raises(ValueError, match="frozen"):
        tariffs.address_change_cents = 0  # type: ignore[misc]
