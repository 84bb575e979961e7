"""`permit-hub keys` says which hash key the database has, and begins nothing without a next one."""

from tests.support.city import City


def test_the_status_names_the_key_of_the_database_and_those_known_here(city: City) -> None:
    told = city.tells("keys", "status")
    assert (told["next"], told["switched_at"], told["rotating"]) == (None, None, False)
    assert told["known"] == [told["current"]]
    printed = city.prints("keys", "status")
    assert told["current"] in printed
    assert "nothing" in printed


def test_without_a_next_key_it_says_how_to_give_one(city: City) -> None:
    ended = city.permit_hub("keys", "rotate")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "There is no next key. Write it into the file of PERMIT_HUB_HASH_KEY" in ended.stderr
    assert city.tells("keys", "status")["rotating"] is False


def test_a_key_that_is_too_short_or_named_twice_is_refused(city: City) -> None:
    key = city.environment["PERMIT_HUB_HASH_KEY"]
    for wrong in (f"{key} short", f"{key} {key}", f"{key} {'a' * 32} {'b' * 32}"):
        ended = city.permit_hub(
            "keys", "status", **city.environment | {"PERMIT_HUB_DATA": "", "PERMIT_HUB_HASH_KEY": wrong}
        )
        assert ended.returncode == 1
        assert "PERMIT_HUB_HASH_KEY is wrong" in ended.stderr
        assert wrong not in ended.stderr
