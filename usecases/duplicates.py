"""What is registered already: use cases that say nearly the same, as far as the actor may know of them."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from portal.actors import Actor
from usecases.choices import RequestKind, RequestState, Stage
from usecases.models import StewardshipRequest, UseCase, UseCaseUserPermission

SHOWN = 5
# Below this many letters a name says nothing yet, and every second use case would look like it.
SHORTEST = 4
LONGEST_TITLE, LONGEST_OUTCOME = 160, 1000
MOST_WORDS = 12
_WORD = re.compile(r"[^\W\d_]{4,30}")
# Words that stand in every description and tell no two apart.
_EVERYWHERE = frozenset(
    """
    about after also been before being both each every from have into more most must only other over
    same should some such than that their them then there these they this those through under used user
    users using were what when where which while will with within would your case cases assistant helper
    system tool
    """.split()  # noqa: SIM905 - a list of seventy lines says no more
)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """One that says nearly the same: why it looks so, how much of it (0 to 1), and what the actor may do about it."""

    use_case: UseCase
    closeness: float
    why: str
    on_the_team: bool
    asked: bool

    @property
    def may_ask(self) -> bool:
        return not self.on_the_team and not self.asked and self.use_case.stage != Stage.STOPPED


def telling_words(text: str) -> list[str]:
    """The words of a text that tell it from others, in its order, each once."""
    found = dict.fromkeys(word.lower() for word in _WORD.findall(text))
    return [word for word in found if word not in _EVERYWHERE][:MOST_WORDS]


def shared(words: list[str], text: str) -> list[str]:
    """Which of these words a text holds."""
    held = {word.lower() for word in _WORD.findall(text)}
    return [word for word in words if word in held]


def likely_duplicates(actor: Actor, title: str, outcome: str = "") -> list[Duplicate]:
    """At most five, the closest first: by name, or because they share at least half of the telling words.

    Only what the actor may see is compared, so what is hidden leaves no trace. Both ways are bounded and indexed.
    """
    title, outcome = title.strip()[:LONGEST_TITLE], outcome.strip()[:LONGEST_OUTCOME]
    near: dict[object, tuple[float, str, UseCase]] = {}
    if len(title) >= SHORTEST:
        for row in UseCase.objects.similar_to(title).visible_to(actor).select_related("owner")[:SHOWN]:
            near[row.pk] = (float(row.closeness), _("a similar name"), row)  # type: ignore[attr-defined]
    words = telling_words(f"{title} {outcome}")
    if len(words) >= 3:
        for row in UseCase.objects.visible_to(actor).about(words).select_related("owner")[: 4 * SHOWN]:
            same = shared(words, f"{row.title} {row.business_outcome} {row.user_group}")
            share = len(same) / len(words)
            if share >= 0.5 and share > near.get(row.pk, (0.0,))[0]:
                near[row.pk] = (share, _("the same words: %(words)s") % {"words": ", ".join(same[:5])}, row)
    closest = sorted(near.values(), key=lambda found: (-found[0], found[2].number))[:SHOWN]
    return _with_parts(actor, closest)


def same_name(actor: Actor, title: str) -> UseCase | None:
    """A running use case of exactly this name, whatever its capitals, that the actor may see."""
    wanted = " ".join(title.split()).casefold()
    if len(wanted) < SHORTEST or len(title) > LONGEST_TITLE:
        return None
    near = UseCase.objects.exclude(stage=Stage.STOPPED).similar_to(title).visible_to(actor)[: 4 * SHOWN]
    return next((row for row in near if " ".join(row.title.split()).casefold() == wanted), None)


def _with_parts(actor: Actor, found: list[tuple[float, str, UseCase]]) -> list[Duplicate]:
    ids = [row.pk for _closeness, _why, row in found]
    parts: set[object] = set()
    asked: set[object] = set()
    if actor.person is not None and ids:
        held = UseCaseUserPermission.objects.filter(user=actor.person, content_object_id__in=ids)
        parts = set(held.values_list("content_object_id", flat=True))
        joins = StewardshipRequest.objects.filter(
            person=actor.person, kind=RequestKind.JOIN, state=RequestState.OPEN, use_case_id__in=ids
        )
        asked = set(joins.values_list("use_case_id", flat=True))
    return [Duplicate(row, round(near, 2), why, row.pk in parts, row.pk in asked) for near, why, row in found]
