"""Mails that belong together find each other, in whatever order they come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.mail import headers_only
from hub.mail.threads import Join, Merge, New, ThreadRef, choose, keys_of
from hub.records.mail import Envelope, Mail


def mail(name: str, *, answers: str = "", references: Sequence[str] = (), thread: str = "", subject: str = "") -> Mail:
    header = {"Message-ID": f"<{name}@x>", "Subject": subject, "From": "a@b.example"}
    if answers:
        header["In-Reply-To"] = f"<{answers}@x>"
    if references:
        header["References"] = " ".join(f"<{one}@x>" for one in references)
    return headers_only(header, Envelope(thread_id=thread))


@dataclass
class Kept:
    """What a database does with the decisions, in memory."""

    threads: dict[str, ThreadRef] = field(default_factory=dict)  # by key
    opened: int = 0

    def take(self, keys: Iterable[str]) -> None:
        found = [self.threads[key] for key in keys if key in self.threads]
        match choose(found):
            case New():
                self.opened += 1
                thread = ThreadRef(self.opened, self.opened)
            case Join(thread):
                pass
            case Merge(thread, others):
                self.threads = {k: thread if t in others else t for k, t in self.threads.items()}
        self.threads |= dict.fromkeys(keys, thread)

    def parts(self) -> set[frozenset[str]]:
        return {frozenset(k for k, t in self.threads.items() if t == one) for one in self.threads.values()}


def kept(*mails: tuple[Mail, str]) -> Kept:
    result = Kept()
    for one, box in mails:
        result.take(keys_of(one, box))
    return result


def test_the_decision_does_not_depend_on_the_order_of_what_is_found() -> None:
    old, new = ThreadRef(1, 7), ThreadRef(2, 3)
    assert choose([]) == New()
    assert choose([new, new]) == Join(new)
    assert choose([new, old, new]) == Merge(old, (new,))


def test_an_answer_joins_what_it_answers_across_mailboxes() -> None:
    assert len(kept((mail("a"), "1"), (mail("b", answers="a"), "2")).parts()) == 1


def test_an_answer_whose_parent_is_missing_joins_by_an_older_one() -> None:
    assert len(kept((mail("a"), "1"), (mail("c", references=["a", "b"]), "1")).parts()) == 1


def test_two_answers_meet_before_what_they_answer_is_seen() -> None:
    assert len(kept((mail("b", answers="a"), "1"), (mail("c", answers="a"), "2")).parts()) == 1


def test_a_late_mail_joins_two_threads_into_the_older() -> None:
    result = kept((mail("a"), "1"), (mail("b"), "1"), (mail("c", references=["b", "a"]), "1"))
    assert len(result.parts()) == 1
    assert set(result.threads.values()) == {ThreadRef(1, 1)}


def test_a_provider_thread_counts_within_its_mailbox_only() -> None:
    assert len(kept((mail("a", thread="t"), "1"), (mail("b", thread="t"), "1")).parts()) == 1
    assert len(kept((mail("a", thread="t"), "1"), (mail("b", thread="t"), "2")).parts()) == 2


def test_a_subject_alone_joins_nothing() -> None:
    assert len(kept((mail("a", subject="Invoice"), "1"), (mail("b", subject="Re: Invoice"), "1")).parts()) == 2


def test_mails_without_an_id_stay_apart() -> None:
    one = headers_only({"From": "a@b.example"}, Envelope(remote_id="1"))
    other = headers_only({"From": "a@b.example"}, Envelope(remote_id="2"))
    assert keys_of(one, "1").isdisjoint(keys_of(other, "1"))


@pytest.mark.parametrize("thread", ["", "t"])
def test_a_mail_always_has_a_key(thread: str) -> None:
    assert len(keys_of(mail("a", thread=thread), "1")) == 1 + bool(thread)


NAMES = st.integers(0, 12).map(str)
MAILS = st.lists(
    st.tuples(
        st.builds(
            mail,
            NAMES,
            answers=st.just("") | NAMES,
            references=st.lists(NAMES, max_size=3),
            thread=st.just("") | st.sampled_from(["t", "u"]),
        ),
        st.sampled_from(["1", "2"]),
    ),
    max_size=14,
)


@given(MAILS.flatmap(lambda mails: st.tuples(st.just(mails), st.permutations(mails))))
def test_the_order_of_arrival_does_not_matter(both: tuple[list[tuple[Mail, str]], list[tuple[Mail, str]]]) -> None:
    one, other = both
    assert kept(*one).parts() == kept(*other).parts()


@given(MAILS)
def test_a_mail_that_comes_again_changes_nothing(mails: list[tuple[Mail, str]]) -> None:
    once, twice = kept(*mails), kept(*mails, *mails)
    assert once.parts() == twice.parts()
    assert once.opened == twice.opened
