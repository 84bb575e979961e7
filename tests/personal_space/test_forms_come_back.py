"""Whatever is wrong with a form: it comes back with the message beside the field, and what was typed is still there."""

from html import escape

import pytest

from tests.city import plate
from tests.personal_space.visitor import beside, hidden, main, text

ADDRESS = "3 rue des Tilleuls, 75014 Paris"
GOOD = {"plate": "GH-578-KL", "country": "FR", "address": ADDRESS, "offer": "standard-1"}
REQUIRED = {"fr": "Ce champ est requis.", "en": "This field is required."}
UNREADABLE = "Cette immatriculation n'est pas lisible : lettres et chiffres, 20 au plus."
CONTROL = "Ce champ contient un caractère qui ne peut pas être lu."
UNKNOWN = "Cette adresse n'est pas connue : choisissez-en une dans la liste."
TOO_LONG = "Le champ ne peut pas contenir plus de {} caractères."


@pytest.fixture
def visitor(city, visit):
    return visit(city.account().sub)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("plate", "", REQUIRED["fr"]),
        ("plate", "X" * 21, TOO_LONG.format(20)),
        ("plate", "<b>AB</b>", UNREADABLE),
        ("plate", "--- ·", UNREADABLE),
        ("plate", "AB 🚗 CD", UNREADABLE),
        ("plate", "AB\x00CD", CONTROL),
        ("plate", "AB\x1bCD", CONTROL),
        ("address", "", REQUIRED["fr"]),
        ("address", "1 rue de Nulle Part", UNKNOWN),
        ("address", "'\"><script>alert(1)</script>", UNKNOWN),
        ("address", "a" * 201, TOO_LONG.format(200)),
        ("address", "\u202e10 rue", UNKNOWN),
        ("offer", "", REQUIRED["fr"]),
        ("offer", "standard-7", "N'est pas un choix valide."),
        ("offer", "gold-1", "N'est pas un choix valide."),
        ("country", "XX", "N'est pas un choix valide."),
    ],
)
def test_a_field_of_a_request_that_is_wrong_is_told_beside_it(city, visitor, field, typed, said):
    answer = visitor.send("/droits/nouveau", **GOOD | {"plate": plate()} | {field: typed})
    assert answer.status_code in (409, 422)
    page = main(answer)
    assert said in beside(page, field), beside(page, field)
    if field in ("plate", "address") and "\x00" not in typed:
        assert f'value="{escape(typed)}"'.replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
    assert "<script>alert" not in answer.text
    assert "<b>AB" not in answer.text
    kept = {"plate": "address", "address": "offer", "offer": "address", "country": "address"}[field]
    assert GOOD[kept] in page
    if field != "offer":
        assert 'value="standard-1" required checked' in page


def test_everything_that_is_wrong_is_told_at_once_in_the_residents_language(city, visit):
    english = visit(city.account().sub, language="en")
    page = main(english.send("/droits/nouveau", plate="", address="", country="FR"))
    for field in ("plate", "address", "offer"):
        assert beside(page, field) == REQUIRED["en"]
    assert "There is something to correct below." in text(page)


@pytest.mark.parametrize("typed", ["ab-123-cd", "1234 AB 75", "W-W 123 AA", "Ä-ÖÜ 99", "京都 500", "x" * 20])
def test_an_odd_plate_is_a_plate(city, visit, typed):
    resident, own = city.account().sub, plate()[:4]
    visitor = visit(resident)
    wanted = f"{own}{typed}"[:20] if len(typed) < 20 else f"{own}{'x' * 16}"
    assert visitor.send("/droits/nouveau", **GOOD | {"plate": wanted, "country": "DE"}).status_code == 303
    (card,) = city.hub.space(resident)["cards"]
    assert (card["plate"], card["country"]) == (wanted, "DE")


def test_a_plate_that_is_in_use_is_told_beside_it_and_the_next_one_is_taken(city, visitor):
    taken = city.resident().plate
    answer = visitor.send("/droits/nouveau", **GOOD | {"plate": taken})
    assert answer.status_code == 409
    assert "a déjà un droit de stationnement" in beside(main(answer), "plate")
    again = visitor.post("/droits/nouveau", hidden(main(answer)) | GOOD | {"plate": plate()})
    assert again.status_code == 303


def test_a_form_that_is_sent_twice_counts_once_and_changed_under_the_same_id_is_told(city, visit):
    resident = city.account().sub
    visitor = visit(resident)
    fields = visitor.hidden("/droits/nouveau") | GOOD | {"plate": plate()}
    assert [visitor.post("/droits/nouveau", fields).status_code for _ in range(2)] == [303, 303]
    changed = visitor.post("/droits/nouveau", fields | {"plate": plate()})
    assert changed.status_code == 409
    assert "a déjà été enregistrée" in text(main(changed))
    assert len(city.hub.space(resident)["cards"]) == 1


def test_a_file_in_place_of_words_is_no_answer(visitor):
    fields = visitor.hidden("/droits/nouveau") | {name: value for name, value in GOOD.items() if name != "plate"}
    answer = visitor.http.post("/droits/nouveau", data=fields, files={"plate": ("p.txt", b"AB-123-CD")})
    assert answer.status_code == 422
    assert beside(main(answer), "plate") == REQUIRED["fr"]


def test_an_action_that_is_no_longer_offered_is_said_on_the_permits_page(city, visit):
    anne = city.resident()
    visitor = visit(anne.resident_id)
    answer = visitor.get(f"/droits/{anne.permit_id}/paiement")
    assert answer.headers["location"] == f"/droits/{anne.permit_id}"
    assert "Cette action n'est plus proposée" in text(main(visitor.get(f"/droits/{anne.permit_id}")))
    assert "Cette action" not in text(main(visitor.get(f"/droits/{anne.permit_id}")))


def test_an_allowance_from_a_tab_that_is_out_of_date_is_refused_and_told_and_the_refusal_stands(city, visit):
    anne = city.resident()
    one, other = (visit(anne.resident_id) for _ in range(2))
    seen = one.hidden("/espace")
    assert other.decide("refuse").status_code == 303
    answer = one.post("/consentement", seen | {"choice": "allow"})
    assert answer.status_code == 409
    assert "Votre autorisation n'a pas été enregistrée" in text(main(answer))
    assert not any(provider["allowed"] for provider in city.hub.space(anne.resident_id)["consent"]["providers"])
    assert [one.decide("refuse").status_code for _ in range(2)] == [303, 303]
    assert one.decide("allow").status_code == 303


def test_an_allowance_that_is_clicked_twice_is_not_called_out_of_date(city, visit):
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow"}
    assert [visitor.post("/consentement", fields).status_code for _ in range(2)] == [303, 303]
    assert city.hub.space(anne.resident_id)["consent"]["version"] == 1


@pytest.mark.parametrize("providers", ["", "x" * 40, "paybyphone,,", "PayByPhone", ",".join(["paybyphone"] * 33)])
def test_a_choice_about_nobody_is_asked_for_again(city, visit, providers):
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow", "providers": providers}
    answer = visitor.post("/consentement", fields)
    assert answer.status_code == 422
    assert "faites votre choix à nouveau" in text(main(answer))
    assert city.hub.space(anne.resident_id)["consent"]["version"] == 0


def test_an_allowance_of_words_that_have_changed_is_asked_for_again_and_a_refusal_counts(city, visit):
    anne = city.resident()
    visitor = visit(anne.resident_id)
    outdated = visitor.hidden("/espace") | {"shown": "2020-01-fr"}
    answer = visitor.post("/consentement", outdated | {"choice": "allow"})
    assert answer.status_code == 422
    assert "faites votre choix à nouveau" in text(main(answer))
    assert visitor.post("/consentement", outdated | {"choice": "refuse"}).status_code == 303
    consent = city.hub.space(anne.resident_id)["consent"]
    assert (consent["version"], {one["allowed"] for one in consent["providers"]}) == (1, {False})


def test_a_choice_is_kept_in_the_words_that_were_shown_whatever_is_read_since(city, visit):
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow"}
    visitor.get("/espace?langue=en")
    assert visitor.post("/consentement", fields).status_code == 303
    (decision,) = city.hub.history(anne.resident_id)["decisions"]
    assert decision["text_version"].endswith("-fr")
