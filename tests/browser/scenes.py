"""A portal with something on every page: a case under way with evidence and an open release, and one in production."""

from dataclasses import dataclass

from django.utils import timezone

from approvals.actions.releases import propose_release
from approvals.models import Release
from evidence.actions.connectors import allow_host, create_connector
from evidence.actions.synchronisation import run_sync
from evidence.actions.syncs import request_file_sync
from evidence.actions.usage import record_usage
from evidence.api.usage import resolver
from evidence.models import Connector, EvaluationRun, SyncRun
from tests.approvals.story import approved
from tests.cast import Cast
from tests.evidence.scenes import case, recorded, usage, version_of
from tests.usecases.importing.scenes import checked
from tests.usecases.scenes import cleared, source_of, submitted
from usecases.actions.checklists import confirm_item
from usecases.actions.data_sources import approve_data_use, request_data_use
from usecases.actions.discussion import comment_on
from usecases.actions.versions import declare_version
from usecases.models import Component, DataSource, RegisterImport


@dataclass(frozen=True)
class Scene:
    """Where the visits lead: the case under way, its open release, what waits for others."""

    reference: str
    reviewed: str
    standing: Release
    connector: Connector
    sync_run: SyncRun
    run: EvaluationRun
    register_import: RegisterImport
    cast: Cast
    # Between registration and the last changes, for a look back.
    moment: str

    def pages(self) -> dict[str, list[str]]:
        """Every main page, by who visits it; "" is nobody."""
        source = DataSource.objects.order_by("id")[0]
        components = [Component.objects.filter(kind=kind).order_by("id")[0] for kind in ("model", "prompt")]
        under_way, live = f"/use-cases/{self.reference}/", f"/use-cases/{self.standing.use_case.reference}/"
        tabs = (
            "", "team/", "join/", "discovery/", "data/", "checklist/", "risk/", "versions/", "evidence/", "releases/",
            "discussion/", "history/", f"?as_of={self.moment}",
        )  # fmt: skip
        return {
            "": ["/sign-in/"],
            "olivia": [
                "/", "/use-cases/", "/use-cases/new/", "/data-sources/", *(under_way + tab for tab in tabs),
                f"{under_way}edit/", f"{under_way}versions/2/", f"{under_way}releases/1/", f"{live}releases/1/",
                f"{under_way}evidence/runs/{self.run.pk}/", f"/data-sources/{source.pk}/", "/api/docs/",
            ],
            "rafael": ["/", f"/use-cases/{self.reviewed}/risk/"],
            "petra": [
                "/", "/connectors/", "/connectors/new/", f"/connectors/{self.connector.pk}/",
                f"/connectors/{self.connector.pk}/mapping/",
                f"/connectors/{self.connector.pk}/runs/{self.sync_run.pk}/",
                "/components/", "/components/new/", *(each.get_absolute_url() for each in components),
                f"{components[0].get_absolute_url()}edit/",
            ],
            "sam": ["/connectors/allowed-hosts/", f"{under_way}releases/1/"],
            "arno": ["/data-sources/new/", "/imports/", f"/imports/{self.register_import.pk}/"],
            "aud": ["/audit-trail/"],
            "admin": [
                "/people/", "/people/new/", "/ownership/",
                f"/people/{self.cast.olivia.pk}/deactivate/", f"/people/{self.cast.sam.pk}/",
                f"/service-accounts/{self.cast.accounts['pipeline'].pk}/",
            ],
        }  # fmt: skip


def set_up(cast: Cast) -> Scene:
    """Told by the product's own verbs."""
    use_case = cleared(cast)
    olivia, dev, petra = cast.actor("olivia"), cast.actor("dev"), cast.actor("petra")
    for name, agreed in (("Policy library", True), ("Refund orders", False)):
        use = request_data_use(
            actor=olivia, use_case=use_case, data_source=source_of(cast, name=name), purpose="Answer refund questions."
        )
        if agreed:
            approve_data_use(actor=petra, data_use=use, note="Read only.")
    comment_on(actor=olivia, use_case=use_case, text="Ready, @rafael?\n\nSee https://example.org/notes first.")
    moment = timezone.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    confirm_item(actor=olivia, use_case=use_case, item="PC08", evidence="The dashboard is read every Monday.")
    version = version_of(cast, use_case)
    newer = declare_version(
        actor=dev,
        use_case=use_case,
        label="candidate 2",
        manifest={**version.manifest, "model": {"provider": "azure", "name": "gpt-4.1", "version": "2025-04-14"}},
    )
    for number, each in enumerate((version, newer)):
        scored = [case(f"q-{row:03d}", grounded="0.9" if row % 9 else "0.4", toxic="1") for row in range(120)]
        newest = recorded(dev, each, *scored, external_id=f"nightly-{number}").run
    rows = [usage(use_case_key=use_case.reference)]
    record_usage(actor=dev, readings=rows, source="push:x", resolve=resolver(dev))
    propose_release(actor=dev, use_case=use_case, version=newer, environment="test", note="Please look at the sources.")
    connector = create_connector(actor=petra, kind="evaluation_file", name="Evaluation files", config={})
    run = request_file_sync(actor=petra, connector=connector, name="runs.json", chunks=[b'{"external_id": "r-1"}'])
    run_sync(run.pk)
    allow_host(actor=cast.actor("sam"), host="10.0.0.7", port=5000, reason="MLflow of the platform team")
    waiting = submitted(cast).use_case.reference
    return Scene(use_case.reference, waiting, approved(cast), connector, run, newest, checked(cast), cast, moment)
