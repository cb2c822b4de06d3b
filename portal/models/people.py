"""The user is the person; sign-ins are identities; business units nest."""

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from portal.history import tracked
from portal.identifiers import uuid7
from portal.models.audit import Audited


class BusinessUnit(Audited):
    """A part of the organisation. `path` is the chain of ids from the top, so "all below" is a prefix."""

    name = models.CharField(_("name"), max_length=120)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    path = models.TextField(unique=True, editable=False)

    class Meta:
        db_table = "business_unit"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="business_unit_name_is_not_blank"),
            models.UniqueConstraint(
                fields=["parent", "name"], nulls_distinct=False, name="business_unit_name_is_unique_in_parent"
            ),
        ]
        indexes = [models.Index(fields=["path"], opclasses=["text_pattern_ops"], name="business_unit_path_prefix")]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: object, **kwargs: object) -> None:
        self.path = f"{self.parent.path if self.parent else ''}{self.id.hex}."
        super().save(*args, **kwargs)  # type: ignore[arg-type]


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username)


# Names and addresses are personal data and stay where they can be erased.
@tracked(fields=["unit", "is_active"])
class User(AbstractBaseUser, PermissionsMixin, Audited):
    """A person. The local name and password are for the demo and for break-glass; everyone else signs in by OIDC."""

    username = models.CharField(_("sign-in name"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), blank=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    unit = models.ForeignKey(BusinessUnit, on_delete=models.PROTECT, null=True, blank=True, related_name="people")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"

    class Meta:
        db_table = "person"
        ordering = ["name"]
        constraints = [
            # Power comes from grants with a scope and an end, never from a flag.
            models.CheckConstraint(condition=Q(is_superuser=False), name="person_is_never_superuser"),
            models.CheckConstraint(condition=~Q(name=""), name="person_name_is_not_blank"),
            models.UniqueConstraint(Lower("username"), name="person_username_is_unique_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_staff(self) -> bool:
        return False


class Identity(models.Model):
    """One sign-in of a person at one provider. Matched by these three, never by e-mail."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="identities")
    issuer = models.TextField()
    tenant = models.TextField(default="", blank=True)
    subject = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    last_sign_in_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "identity"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "tenant", "subject"], name="identity_is_one_person"),
            models.CheckConstraint(condition=~Q(issuer="") & ~Q(subject=""), name="identity_is_complete"),
        ]
