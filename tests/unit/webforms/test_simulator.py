"""Every program of the simulator against the reader, with each fault that it can commit."""

import threading
from typing import Any

import pytest

from connectors.webforms import simulator
from connectors.webforms.settings import Preset
from connectors.webforms.simulated.programs import PROGRAMS
from connectors.webforms.simulated.signing import SIGNING
from connectors.webforms.simulator import FAULTS, WebForms
from connectors.webforms.webhook import receive
from hub.connector.contract import Received
from hub.connector.simulator import Faults, Harm
from hub.errors import HookError, RecordError
from tests.unit.webforms.desk import account, hook, lead

SIGNED = [("own", "hmac"), ("own", "standard"), ("zapier", "hmac"), ("typeform", ""), ("tally", "")]
KEYED = [*SIGNED, ("google_ads", "")]
TIMED = SIGNED[:3]


def posted(forms: WebForms) -> Received:
    """What one person's answer says to the account that the simulator speaks for."""
    sent, headers = forms.written(next(forms._people))
    named = {name.lower().replace("-", "_"): value for name, value in headers.items()}
    return receive(account(**forms.settings()), hook(sent.body, sent.kind, **named))


def test_it_knows_every_program_and_every_proof() -> None:
    assert set(PROGRAMS) == {one.value for one in Preset}
    assert set(SIGNING) >= {"token", "hmac", "standard", "typeform", "tally", "google_key"}


@pytest.mark.parametrize("fault", ["", *(name for name, one in FAULTS.items() if one.harm is Harm.NOISE)])
@pytest.mark.parametrize(("preset", "proof"), [*KEYED, ("elementor", ""), ("cf7", ""), ("zapier", "")])
def test_what_is_odd_and_whole_is_read(preset: str, proof: str, fault: str) -> None:
    assert lead(posted(WebForms(0, Faults([fault] if fault else []), preset=preset, proof=proof)))["answers"]


@pytest.mark.parametrize(
    ("preset", "proof", "fault"),
    [
        *((*one, fault) for one in KEYED for fault in ("wrong_key", "huge", "not_json")),
        *((*one, fault) for one in SIGNED for fault in ("unsigned", "bad_signature", "other_letters")),
        *((*one, "old_timestamp") for one in TIMED),
    ],
)
def test_what_must_be_refused_is_refused(preset: str, proof: str, fault: str) -> None:
    forms = WebForms(0, Faults([fault]), preset=preset, proof=proof)
    with pytest.raises((HookError, RecordError)) as refused:
        posted(forms)
    assert isinstance(refused.value, RecordError) is (fault in {"huge", "not_json"})
    assert forms.secret not in str(refused.value)
    assert lead(posted(forms)), "and the next one is read"


def test_its_options_let_it_post_until_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    forms, stop, seen = simulator.create(0, Faults()), threading.Event(), list[Any]()

    def deliver(one: Any) -> None:
        seen.append((one, forms.hub_url, forms.preset, forms.proof))
        stop.set()

    monkeypatch.setattr(forms, "_deliver", deliver)
    play = simulator.performance({"to": "http://127.0.0.1:1/hooks/x", "preset": "tally", "secret": "s"})
    assert play is not None
    play(forms, stop)
    assert [rest for _, *rest in seen] == [["http://127.0.0.1:1/hooks/x", "tally", "tally"]]


def test_an_unknown_program_is_said() -> None:
    with pytest.raises(ValueError, match="own, elementor"):
        simulator.performance({"to": "x", "preset": "myforms", "secret": ""})
