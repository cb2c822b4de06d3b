"""Where a LiteLLM proxy pushes its calls: its own payload, of which only figures and tags are read."""

import json
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evidence.actions.calls import record_calls
from evidence.api.runs import push_source
from evidence.api.serializers import RejectedRowOut
from evidence.api.usage import resolver
from evidence.connectors.litellm_rows import Call, call_of
from evidence.connectors.shapes import mapping_of
from portal.api.authentication import actor_of

MOST_CALLS: Final = 5_000
# Not configured anywhere, because a push has no connector: tags of traffic that is no use.
LEFT_OUT: Final = frozenset({"evaluation", "eval"})


class ForeignJSONParser(BaseParser):
    """JSON as LiteLLM writes it: prompts in any shape, NaN in prices. What is not read is not judged."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return json.loads(stream.read())
        except (ValueError, RecursionError):
            raise ParseError(_("The body is not JSON.")) from None


class LitellmCallIn(serializers.Serializer[Any]):
    """The fields that are read of LiteLLM's StandardLoggingPayload; all others, prompts included, are ignored."""

    id = serializers.CharField()
    litellm_call_id = serializers.CharField(required=False, help_text="Counts a call once, however often it is sent.")
    startTime = serializers.FloatField(help_text="Seconds since the epoch.")
    status = serializers.ChoiceField([("success", "success"), ("failure", "failure")])
    call_type = serializers.CharField(required=False)
    custom_llm_provider = serializers.CharField(required=False)
    model = serializers.CharField(required=False)
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    response_cost = serializers.FloatField(help_text="US dollars by LiteLLM's price table.")
    request_tags = serializers.ListField(
        child=serializers.CharField(), help_text="Such as use_case:UC-0001, env:production, version:<digest>."
    )
    metadata = serializers.DictField(required=False)


class CallCountsOut(serializers.Serializer[Any]):
    """What became of the calls."""

    counted = serializers.IntegerField()
    repeated = serializers.IntegerField(help_text="Counted by an earlier delivery.")
    left_out = serializers.IntegerField(help_text="Tagged as evaluation.")
    rejected = RejectedRowOut(many=True)


class LitellmCalls(APIView):
    parser_classes = [ForeignJSONParser]

    @extend_schema(
        tags=["evidence"],
        summary="Take calls from LiteLLM's generic_api callback",
        description="Each call is added to its day or rejected on its own. Prompts and answers are not read.",
        request=LitellmCallIn(many=True),
        responses={200: CallCountsOut},
    )
    def post(self, request: Request) -> Response:
        actor, rows = actor_of(request), request.data
        rows = [rows] if isinstance(rows, dict) else rows
        if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_CALLS:
            raise ValidationError({"": [_("Send a list of 1 to %(most)s calls.") % {"most": MOST_CALLS}]})
        calls: list[tuple[int, Call]] = []
        rejected: list[dict[str, Any]] = []
        left_out = 0
        for number, row in enumerate(rows, 1):
            call = call_of(mapping_of(row))
            if call is None:
                rejected.append({"row": number, "reason": _("The call names neither itself nor its time.")})
            elif call.left_out(LEFT_OUT):
                left_out += 1
            else:
                calls.append((number, call))
        counts = record_calls(
            actor=actor,
            calls=calls,
            source=f"{push_source(actor)}:litellm",
            resolve=resolver(actor),
            now=timezone.now(),
        )
        rejected += [{"row": int(each.reference), "reason": each.reason} for each in counts.rejected]
        body = {
            "counted": counts.counted,
            "repeated": counts.repeated,
            "left_out": left_out,
            "rejected": sorted(rejected, key=lambda each: each["row"]),
        }
        return Response(body)
