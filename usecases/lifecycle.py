"""Which states exist in the register and which verb leads where."""

from portal.lifecycle import Lifecycle, Transition
from usecases.choices import DataUseState, DocumentState, ImportState, RequestState, ReviewState, Stage, WorkState

STAGES = Lifecycle(
    name="use case",
    initial=Stage.REGISTERED,
    states=tuple(Stage.values),
    transitions=(
        Transition("start_discovery", Stage.REGISTERED, Stage.DISCOVERY, "use_case.discovery_started"),
        Transition("submit_risk_review", Stage.DISCOVERY, Stage.REVIEW, "use_case.submitted_for_review"),
        Transition("return_risk_review", Stage.REVIEW, Stage.DISCOVERY, "use_case.returned_to_discovery"),
        Transition("clear_for_pilot", Stage.REVIEW, Stage.PILOT, "use_case.cleared_for_pilot"),
        Transition("go_live", Stage.PILOT, Stage.PRODUCTION, "use_case.went_live"),
        Transition("reopen_review", (Stage.PILOT, Stage.PRODUCTION), Stage.REVIEW, "use_case.submitted_for_review"),
        Transition(
            "stop",
            (Stage.REGISTERED, Stage.DISCOVERY, Stage.REVIEW, Stage.PILOT, Stage.PRODUCTION),
            Stage.STOPPED,
            "use_case.stopped",
        ),
    ),
    terminal=(Stage.STOPPED,),
)

RISK_REVIEWS = Lifecycle(
    name="risk review",
    initial=ReviewState.SUBMITTED,
    states=tuple(ReviewState.values),
    transitions=(
        Transition("conclude_risk_review", ReviewState.SUBMITTED, ReviewState.CONCLUDED, "risk_review.concluded"),
        Transition("return_risk_review", ReviewState.SUBMITTED, ReviewState.RETURNED, "risk_review.returned"),
    ),
    terminal=(ReviewState.CONCLUDED, ReviewState.RETURNED),
)

DATA_USES = Lifecycle(
    name="data use",
    initial=DataUseState.REQUESTED,
    states=tuple(DataUseState.values),
    transitions=(
        Transition(
            "approve_data_use",
            (DataUseState.REQUESTED, DataUseState.REOPENED),
            DataUseState.APPROVED,
            "data_use.approved",
        ),
        Transition(
            "refuse_data_use",
            (DataUseState.REQUESTED, DataUseState.REOPENED),
            DataUseState.REFUSED,
            "data_use.refused",
        ),
        # Only where nothing holds any more: while an approval runs, a renewal that is declined leaves it to its end.
        Transition("decline_renewal", DataUseState.APPROVED, DataUseState.REFUSED, "data_use.renewal_declined"),
        Transition("reopen_data_use", DataUseState.APPROVED, DataUseState.REOPENED, "data_use.reopened"),
        Transition(
            "request_data_use_again",
            (DataUseState.REFUSED, DataUseState.APPROVED, DataUseState.REOPENED, DataUseState.ENDED),
            DataUseState.REQUESTED,
            "data_use.requested",
        ),
        Transition(
            "end_data_use",
            (DataUseState.REQUESTED, DataUseState.APPROVED, DataUseState.REFUSED, DataUseState.REOPENED),
            DataUseState.ENDED,
            "data_use.ended",
        ),
    ),
    terminal=(),
)

WORK_ITEMS = Lifecycle(
    name="work item",
    initial=WorkState.OPEN,
    states=tuple(WorkState.values),
    transitions=(
        Transition("finish_work_item", WorkState.OPEN, WorkState.DONE, "work_item.done"),
        Transition("dismiss_work_item", WorkState.OPEN, WorkState.DISMISSED, "work_item.dismissed"),
    ),
    terminal=(WorkState.DONE, WorkState.DISMISSED),
)

STEWARDSHIP = Lifecycle(
    name="stewardship request",
    initial=RequestState.OPEN,
    states=tuple(RequestState.values),
    transitions=(
        Transition("accept_request", RequestState.OPEN, RequestState.ACCEPTED, "stewardship.accepted"),
        Transition("decline_request", RequestState.OPEN, RequestState.DECLINED, "stewardship.declined"),
        Transition("withdraw_request", RequestState.OPEN, RequestState.WITHDRAWN, "stewardship.withdrawn"),
    ),
    terminal=(RequestState.ACCEPTED, RequestState.DECLINED, RequestState.WITHDRAWN),
)

DOCUMENTS = Lifecycle(
    name="document",
    initial=DocumentState.CURRENT,
    states=tuple(DocumentState.values),
    transitions=(Transition("retire_document", DocumentState.CURRENT, DocumentState.RETIRED, "document.retired"),),
    terminal=(DocumentState.RETIRED,),
)

IMPORTS = Lifecycle(
    name="import",
    initial=ImportState.UPLOADED,
    states=tuple(ImportState.values),
    transitions=(
        Transition(
            "map_import", (ImportState.UPLOADED, ImportState.CHECKED), ImportState.UPLOADED, "register_import.mapped"
        ),
        Transition(
            "check_import", (ImportState.UPLOADED, ImportState.CHECKED), ImportState.CHECKING, "register_import.checked"
        ),
        Transition("refuse_file", ImportState.CHECKING, ImportState.UPLOADED, "register_import.refused"),
        Transition(
            "present_rows",
            (ImportState.CHECKING, ImportState.APPLYING),
            ImportState.CHECKED,
            "register_import.presented",
        ),
        Transition("apply_import", ImportState.CHECKED, ImportState.APPLYING, "register_import.asked"),
        Transition("finish_import", ImportState.APPLYING, ImportState.APPLIED, "register_import.applied"),
        Transition("undo_import", ImportState.APPLIED, ImportState.UNDOING, "register_import.undo_asked"),
        Transition("finish_undo", ImportState.UNDOING, ImportState.UNDONE, "register_import.undone"),
        # Some rows stay: the import can be undone again for them.
        Transition("keep_rows", ImportState.UNDOING, ImportState.APPLIED, "register_import.undone"),
        Transition("break_off_undo", ImportState.UNDOING, ImportState.APPLIED, "register_import.kept"),
    ),
    terminal=(ImportState.UNDONE,),
)
