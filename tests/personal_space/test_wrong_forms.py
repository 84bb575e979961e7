"""A wrong form is shown again as it was typed, with the message beside the field."""

from html import escape

import pytest
from personal_space.language import countries

from schemas.countries import CODES
from tests.personal_space.conftest import Visit
from tests.personal_space.visitor import Visitor, beside, hidden, main, text
from tests.support.city import City, plate

ADDRESS = "3 rue des Tilleuls, 75014 Paris"
GOOD = {"plate": "GH-578-KL", "country": "FR", "address": ADDRESS, "offer": "standard-1"}
REQUIRED = {"fr": "Ce champ est requis.", "en": "This field is required."}
UNREADABLE = "Cette immatriculation n'est pas lisible : lettres et chiffres, 20 au plus."
CONTROL = "Ce champ contient un caractère qui ne peut pas être lu."
UNKNOWN = "Cette adresse n'est pas connue : choisissez-en une dans la liste."
TOO_LONG = "Le champ ne peut pas contenir plus de {} caractères."


@pytest.fixture
def visitor(city: City, visit: Visit) -> Visitor:
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
def test_an_error_in_a_request_is_shown_beside_its_field(
    city: City, visitor: Visitor, field: str, typed: str, said: str
) -> None:
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


def test_all_errors_of_a_form_are_shown_at_once_in_the_residents_language(city: City, visit: Visit) -> None:
    english = visit(city.account().sub, language="en")
    page = main(english.send("/droits/nouveau", plate="", address="", country="FR"))
    for field in ("plate", "address", "offer"):
        assert beside(page, field) == REQUIRED["en"]
    assert "There is something to correct below." in text(page)


ODD = [
    ("PO-456-{}", "FR", "PO-456-{}"),
    ("京都-{}", "JP", "京都-{}"),
    ("b no {}", "FR", "B NO {}"),
    ("bno\u200b{}", "DE", "BNO{}"),
]


@pytest.mark.parametrize(("typed", "country", "known"), ODD, ids=["SIV", "JP", "not the country's", "not divided"])
def test_an_unusual_plate_is_asked_about_once_and_then_accepted(
    city: City, visit: Visit, typed: str, country: str, known: str
) -> None:
    resident, own = city.account().sub, {"FR": "VO", "JP": "X"}.get(country, "2345")
    visitor = visit(resident)
    wanted = GOOD | {"plate": typed.format(own), "country": country}
    asked = visitor.send("/droits/nouveau", **wanted)
    page = main(asked)
    assert asked.status_code == 200
    assert "Est-ce bien votre immatriculation" in text(page)
    assert known.format(own) in text(page)
    assert hidden(page)["asked"] == f"{known.format(own)} {country}"
    assert not (city.hub.space(resident) or {"cards": []})["cards"]
    assert visitor.post("/droits/nouveau", hidden(page) | wanted).status_code == 303
    (card,) = city.space(resident)["cards"]
    assert (card["plate"], card["country"]) == (known.format(own), country)


def test_a_second_unusual_plate_is_asked_about_and_an_ordinary_one_is_not(city: City, visit: Visit) -> None:
    visitor = visit(city.account().sub)
    first = main(visitor.send("/droits/nouveau", **GOOD | {"plate": "ODD ONE"}))
    second = visitor.post("/droits/nouveau", hidden(first) | GOOD | {"plate": "ODD TWO"})
    assert (second.status_code, "ODD TWO" in text(main(second))) == (200, True)
    ordinary = visitor.post("/droits/nouveau", hidden(main(second)) | GOOD | {"plate": plate().lower()})
    assert ordinary.status_code == 303


def test_a_changed_vehicle_with_an_unusual_plate_is_asked_about_in_the_residents_language(
    city: City, visit: Visit
) -> None:
    account = city.account()
    anne, odd = city.resident(resident_id=account.sub), account.vehicles[2].plate
    visitor = visit(anne.resident_id, language="en")
    path, typed = f"/droits/{anne.permit_id}/vehicule", {"plate": odd.lower(), "country": "FR"}
    page = main(visitor.send(path, **typed))
    assert f"Is this your registration? It will be recorded as {odd} (France), which is unusual" in text(page)
    assert visitor.post(path, hidden(page) | typed).status_code == 303
    assert city.space(anne.resident_id)["cards"][0]["plate"] == odd


def test_a_plate_typed_in_any_form_is_shown_in_its_official_form(city: City, visit: Visit) -> None:
    resident, known = city.account().sub, plate()
    visitor = visit(resident)
    typed = "\u200f" + known.lower().replace("-", "●").translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert visitor.send("/droits/nouveau", **GOOD | {"plate": typed}).status_code == 303
    (card,) = city.space(resident)["cards"]
    assert card["plate"] == known
    assert known in text(main(visitor.get("/espace")))
    assert known in text(main(visitor.get(f"/droits/{card['permit_id']}")))


def test_the_countries_on_offer_are_those_that_a_job_may_name() -> None:
    for language in ("fr", "en"):
        assert {code for code, _ in countries(language)} == CODES


def test_a_plate_in_use_is_an_error_beside_its_field_and_another_is_accepted(city: City, visit: Visit) -> None:
    account = city.account()
    visitor, taken = visit(account.sub), city.resident(with_plate=account.vehicles[0].plate).plate
    answer = visitor.send("/droits/nouveau", **GOOD | {"plate": taken})
    assert answer.status_code == 409
    assert "a déjà un droit de stationnement" in beside(main(answer), "plate")
    again = visitor.post("/droits/nouveau", hidden(main(answer)) | GOOD | {"plate": plate()})
    assert again.status_code == 303


def test_a_form_sent_twice_counts_once_and_a_changed_copy_is_refused(city: City, visit: Visit) -> None:
    resident = city.account().sub
    visitor = visit(resident)
    fields = visitor.hidden("/droits/nouveau") | GOOD | {"plate": plate()}
    assert [visitor.post("/droits/nouveau", fields).status_code for _ in range(2)] == [303, 303]
    changed = visitor.post("/droits/nouveau", fields | {"plate": plate()})
    assert changed.status_code == 409
    assert "a déjà été enregistrée" in text(main(changed))
    assert len(city.space(resident)["cards"]) == 1


def test_a_file_in_a_text_field_is_ignored(visitor: Visitor) -> None:
    fields = visitor.hidden("/droits/nouveau") | {name: value for name, value in GOOD.items() if name != "plate"}
    answer = visitor.http.post("/droits/nouveau", data=fields, files={"plate": ("p.txt", b"AB-123-CD")})
    assert answer.status_code == 422
    assert beside(main(answer), "plate") == REQUIRED["fr"]


def test_an_action_no_longer_offered_leads_to_the_permits_page_with_a_notice(city: City, visit: Visit) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    answer = visitor.get(f"/droits/{anne.permit_id}/paiement")
    assert answer.headers["location"] == f"/droits/{anne.permit_id}"
    assert "Cette action n'est plus proposée" in text(main(visitor.get(f"/droits/{anne.permit_id}")))
    assert "Cette action" not in text(main(visitor.get(f"/droits/{anne.permit_id}")))


def test_an_allowance_from_an_outdated_tab_is_refused_and_the_refusal_stands(city: City, visit: Visit) -> None:
    anne = city.resident()
    one, other = (visit(anne.resident_id) for _ in range(2))
    seen = one.hidden("/espace")
    assert other.decide("refuse").status_code == 303
    answer = one.post("/consentement", seen | {"choice": "allow"})
    assert answer.status_code == 409
    assert "Votre autorisation n'a pas été enregistrée" in text(main(answer))
    assert not any(provider["allowed"] for provider in city.space(anne.resident_id)["consent"]["providers"])
    assert [one.decide("refuse").status_code for _ in range(2)] == [303, 303]
    assert one.decide("allow").status_code == 303


def test_an_allowance_sent_twice_is_not_refused_as_outdated(city: City, visit: Visit) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow"}
    assert [visitor.post("/consentement", fields).status_code for _ in range(2)] == [303, 303]
    assert city.space(anne.resident_id)["consent"]["version"] == 1


@pytest.mark.parametrize("providers", ["", "x" * 40, "paybyphone,,", "PayByPhone", ",".join(["paybyphone"] * 33)])
def test_a_choice_without_providers_is_asked_for_again(city: City, visit: Visit, providers: str) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow", "providers": providers}
    answer = visitor.post("/consentement", fields)
    assert answer.status_code == 422
    assert "faites votre choix à nouveau" in text(main(answer))
    assert city.space(anne.resident_id)["consent"]["version"] == 0


def test_an_allowance_of_an_outdated_text_is_asked_for_again_and_a_refusal_counts(city: City, visit: Visit) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    outdated = visitor.hidden("/espace") | {"shown": "2020-01-fr"}
    answer = visitor.post("/consentement", outdated | {"choice": "allow"})
    assert answer.status_code == 422
    assert "faites votre choix à nouveau" in text(main(answer))
    assert visitor.post("/consentement", outdated | {"choice": "refuse"}).status_code == 303
    consent = city.space(anne.resident_id)["consent"]
    assert (consent["version"], {one["allowed"] for one in consent["providers"]}) == (1, {False})


def test_a_choice_is_recorded_with_the_text_that_its_page_showed(city: City, visit: Visit) -> None:
    anne = city.resident()
    visitor = visit(anne.resident_id)
    fields = visitor.hidden("/espace") | {"choice": "allow"}
    visitor.get("/espace?langue=en")
    assert visitor.post("/consentement", fields).status_code == 303
    history = city.hub.history(anne.resident_id)
    assert history is not None
    (decision,) = history["decisions"]
    assert decision["text_version"].endswith("-fr")
