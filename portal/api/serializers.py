"""The base of every input: what is not known is refused, never silently dropped."""

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown keys, naming the known ones: a misspelt key must not be ignored."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(key) for key in data.keys() - known)
            if unknown:
                text = _("This key is not known. Known keys: %(known)s.") % {"known": ", ".join(sorted(known))}
                raise serializers.ValidationError({key[:80]: [text] for key in unknown[:20]})
        return super().to_internal_value(data)
