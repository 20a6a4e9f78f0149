"""Where forms are sent to: by people, and by whoever tests one."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.facebook.simulated.things import Form, Lead, Question
from connectors.facebook.simulated.world import World

Answers = Mapping[str, str | Sequence[str] | None]


def submit(  # noqa: PLR0913 - what belongs to a lead is named at the call
    world: World,
    form: Form,
    answers: Answers,
    checked: Mapping[str, bool],
    *,
    ad_id: str = "",
    platform: str = "fb",
    is_organic: bool | None = None,
    is_test: bool = False,
    at: datetime | None = None,
) -> Lead:
    """Take what somebody sent, and tell whoever subscribed."""
    now = world.clock.time()
    made = Lead(
        world.new_id(), form.id, form.page_id, at.timestamp() if at else now, _ordered(form.questions, answers),
        dict(checked), ad_id, platform, is_organic, is_test, visible_at=now + world.late_s,
    )  # fmt: skip
    world.keep(made)
    world.webhooks.came(world.pages[form.page_id], form, made)
    return made


def _ordered(questions: Sequence[Question], answers: Answers) -> dict[str, Sequence[str] | None]:
    """Answers in the order of the questions, and then those to no question."""
    keys = [one.key for one in questions if one.key in answers]
    keys += [key for key in answers if key not in keys]
    return {key: _values(answers[key]) for key in keys}


def _values(answer: str | Sequence[str] | None) -> Sequence[str] | None:
    return [answer] if isinstance(answer, str) else answer


def test_lead(
    world: World, form: Form, answers: Mapping[str, list[str]] | None, checked: Mapping[str, bool] | None
) -> Lead:
    """Make the one test lead of a form, with dummy words where nothing is said.

    Raises:
        ValueError: there is one.
    """
    if any(one.is_test and world.is_there(one) for one in world.all_of_form(form.id)):
        raise ValueError("A test lead already exists for this form.")
    dummy = {one.key: [_dummy(one)] for one in form.questions}
    boxes = {one.key: True for one in form.checkboxes}
    return submit(
        world, form, dummy if answers is None else answers, boxes if checked is None else checked,
        platform="fb", is_organic=True, is_test=True,
    )  # fmt: skip


def _dummy(question: Question) -> str:
    if question.type in ("EMAIL", "WORK_EMAIL"):
        return "test@meta.com"
    return question.options[0].key if question.options else f"<test lead: dummy data for {question.key}>"
