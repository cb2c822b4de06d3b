"""What people say about a thing, in a thread under its reference; each floor judges who may see its own things."""

from django.db import models
from django.db.models import Q

from portal.identifiers import uuid7
from portal.models.audit import Audited
from portal.models.people import User
from portal.triggers import append_only

MAX_COMMENT = 4000


class Comment(Audited):
    """One contribution; `about` is the reference of its thing. Withdrawn, it stays as a trace without its words."""

    about = models.CharField(max_length=80)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="comments")
    text = models.TextField(max_length=MAX_COMMENT)
    written_at = models.DateTimeField(auto_now_add=True)
    edited_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="withdrawn_comments")
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "comment"
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="comment_says_something"),
            models.CheckConstraint(
                condition=Q(withdrawn_by__isnull=True, withdrawn_at__isnull=True)
                | Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False),
                name="comment_withdrawal_is_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["about", "id"], name="comment_thread"),
            models.Index(fields=["author", "-written_at"], name="comment_of_author"),
        ]


class CommentRevision(models.Model):
    """What a comment said before it was edited."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    comment = models.ForeignKey(Comment, on_delete=models.PROTECT, related_name="revisions")
    text = models.TextField()
    replaced_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "comment_revision"
        triggers = append_only()
