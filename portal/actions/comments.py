"""Saying something about a thing. The floor that owns the thing has ruled on who may see it; the rest is ruled here."""

import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal import policies
from portal.access import require
from portal.actions.messages import tell
from portal.actors import Actor
from portal.audit import mention, record
from portal.models import Comment, CommentRevision, User
from portal.models.comments import MAX_COMMENT

MENTION = re.compile(r"(?<![\w@.])@([A-Za-z0-9][\w.+-]{0,79})")
MOST_MENTIONS = 10


@dataclass(frozen=True)
class Thing:
    """What is talked about: its reference, its page's address, and the use case whose trail tells of it, if any."""

    reference: str
    url: str
    use_case: uuid.UUID | None = None


@dataclass(frozen=True)
class Said:
    """A comment, who was told of it, and who could not be (names of people who may not see the thing, or nobody's)."""

    comment: Comment
    told: Sequence[str] = ()
    untold: Sequence[str] = ()


def mentioned(text: str) -> list[str]:
    """Sign-in names that the text mentions, each once, in lower case."""
    return list(dict.fromkeys(name.rstrip(".+-").lower() for name in MENTION.findall(text)))


@transaction.atomic
def write_comment(*, actor: Actor, about: Thing, text: str, audience: Collection[User]) -> Said:
    """Say it, and tell those it mentions; `audience` are the mentioned who may see the thing. Raises Refused;
    ValidationError for nothing, too much, or too many mentions."""
    require(policies.may_comment(actor))
    words, names = _checked(text), mentioned(text)
    assert actor.person is not None
    # One writer at a time, so that the rate holds.
    person = User.objects.select_for_update(no_key=True).get(pk=actor.person.pk)
    require(policies.may_comment_again(person))
    comment = Comment.objects.create(about=about.reference, author=person, text=words)
    _record(actor, "written", comment, about, f"commented on {about.reference}.")
    told = [one for one in audience if one.username.lower() in names and one.pk != person.pk]
    tell(
        told,
        subject=_("%(name)s mentioned you on %(thing)s") % {"name": person.name, "thing": about.reference},
        text=_("%(name)s mentioned you in the discussion of %(thing)s.")
        % {"name": person.name, "thing": about.reference},
        url=about.url,
    )
    known = {one.username.lower() for one in audience} | {person.username.lower()}
    return Said(comment, [one.name for one in told], [name for name in names if name not in known])


@transaction.atomic
def edit_comment(*, actor: Actor, about: Thing, comment: Comment, text: str) -> Comment:
    """Say it better, within a quarter of an hour; the earlier words are kept. Raises Refused; ValidationError."""
    comment = Comment.objects.select_for_update(of=("self",)).select_related("author").get(pk=comment.pk)
    require(policies.may_edit_comment(actor, comment))
    words = _checked(text)
    if words == comment.text:
        return comment
    CommentRevision.objects.create(comment=comment, text=comment.text)
    comment.text, comment.edited_at = words, timezone.now()
    comment.save(update_fields=["text", "edited_at"])
    _record(actor, "edited", comment, about, f"edited a comment on {about.reference}.")
    return comment


@transaction.atomic
def withdraw_comment(*, actor: Actor, about: Thing, comment: Comment) -> Comment:
    """Take it back: its words are shown no more, that it was there stays. Raises Refused."""
    comment = Comment.objects.select_for_update(of=("self",)).select_related("author").get(pk=comment.pk)
    require(policies.may_withdraw_comment(actor, comment))
    comment.withdrawn_by, comment.withdrawn_at = actor.person, timezone.now()
    comment.save(update_fields=["withdrawn_by", "withdrawn_at"])
    _record(
        actor, "withdrawn", comment, about, f"withdrew a comment of {mention(comment.author)} on {about.reference}."
    )
    return comment


def _checked(text: str) -> str:
    words = text.strip()
    if not words:
        raise ValidationError({"text": _("Say something first.")})
    if len(words) > MAX_COMMENT:
        raise ValidationError({"text": _("This is longer than %(most)s characters.") % {"most": MAX_COMMENT}})
    if "\x00" in words:
        raise ValidationError({"text": _("The text holds a NUL character. Leave it out.")})
    if len(mentioned(words)) > MOST_MENTIONS:
        raise ValidationError({"text": _("Mention at most %(most)s people at once.") % {"most": MOST_MENTIONS}})
    return words


def _record(actor: Actor, what: str, comment: Comment, about: Thing, sentence: str) -> None:
    record(actor, f"comment.{what}", comment, sentence, use_case=about.use_case, references=[about.reference])
