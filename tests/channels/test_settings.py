"""The e-mail channel's settings are checked at the start, and errors show no value."""

import pytest
from pydantic import SecretStr

from integrations.base import Limit
from integrations.channels.base import Channel
from integrations.channels.email import Email
from integrations.channels.registry import CHANNELS, channel
from integrations.channels.settings import Security, Sender
from integrations.settings import SettingError
from tests.channels.conftest import COMPLETE, MakeAccess


def test_host_sender_and_two_pages_are_the_only_required_settings(make_access: MakeAccess) -> None:
    access = make_access(development=False)

    assert (access.security, access.port, access.user, access.limits, access.connections) == (
        Security.TLS,
        None,
        None,
        None,
        4,
    )
    assert access.sender == Sender("Ville de Démo", "rappels@demo.example")


def test_every_setting_is_read(make_access: MakeAccess) -> None:
    access = make_access(
        port=2525, security="starttls", user="rappels", password="secret", limits='["50/s"]', connections=2
    )

    assert (access.port, access.security, access.user, access.connections) == (2525, "starttls", "rappels", 2)
    assert access.password == SecretStr("secret")
    assert access.limits == (Limit(50, 1.0),)


def test_a_channel_is_made_by_name(make_access: MakeAccess) -> None:
    make_access(connections=7, limits='["50/s"]')

    made: Channel = channel("email")

    assert isinstance(made, Email)
    assert (made.name, made.at_once, made.limits) == ("email", 7, (Limit(50, 1.0),))
    assert CHANNELS.keys() == {"email"}


@pytest.mark.parametrize("missing", COMPLETE)
def test_a_missing_setting_is_named(make_access: MakeAccess, missing: str) -> None:
    with pytest.raises(SettingError) as error:
        make_access(**{missing.lower(): None})

    assert str(error.value) == f"PERMIT_HUB_EMAIL_{missing} is missing"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("host", "mail example"),
        ("host", "https://mail.example"),
        ("host", "mail.example\r\nRSET"),
        ("port", "0"),
        ("port", "99999"),
        ("security", "ssl"),
        ("security", "none"),
        ("authority", "/nowhere/at-all.pem"),
        ("sender", "nobody"),
        ("sender", "a@demo.example, b@demo.example"),
        ("sender", "A <a@demo.example> B <b@demo.example>"),
        ("sender", "A\nBcc: b <a@demo.example>"),
        ("sender", "zoë@demo.example"),
        ("limits", "60/s"),
        ("connections", "0"),
        ("space_url", "demo.example/espace"),
        ("space_url", "http://demo.example/espace"),
        ("space_url", "https://user:secret@demo.example/"),
        ("space_url", "https://demo.example/a b"),
        ("space_url", 'https://demo.example/"onclick='),
        ("space_url", "javascript:alert(1)"),
        ("unsubscribe_url", "http://demo.example/rappels/arreter/"),
        ("unsubscribe_url", "https://demo.example/>\r\nBcc: b@demo.example"),
        ("unsubscribe_url", f"https://demo.example/{'x' * 500}"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(make_access: MakeAccess, name: str, value: str) -> None:
    with pytest.raises(SettingError) as error:
        make_access(development=False, **{name: value})

    assert str(error.value).startswith(f"PERMIT_HUB_EMAIL_{name.upper()} is wrong: ")
    assert value not in str(error.value) or value.isdigit() or value in {str(one) for one in Security}


@pytest.mark.parametrize("given", [{"user": "rappels"}, {"password": "secret"}])
def test_user_and_password_go_together(make_access: MakeAccess, given: dict[str, str]) -> None:
    with pytest.raises(SettingError, match="PERMIT_HUB_EMAIL_PASSWORD is wrong: must be given with a user"):
        make_access(**given)


def test_in_development_plain_text_is_allowed(make_access: MakeAccess) -> None:
    access = make_access(security="none", space_url="http://127.0.0.1:8000/espace")

    assert access.security is Security.NONE


def test_no_repr_shows_the_user_or_the_password(make_access: MakeAccess) -> None:
    access = make_access(user="rappels-user", password="secret-word")

    shown = f"{access!r} {access} {Email(access)!r}"
    assert "secret-word" not in shown
    assert "rappels-user" not in shown
