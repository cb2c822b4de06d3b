"""A pipeline with the command-line tool against the running portal: no, wait, yes, and no again."""

import json
from pathlib import Path
from typing import Any

import gatehouse
from approvals.actions.releases import propose_release
from portal.actions.tokens import issue_token
from portal.choices import Scope
from tests.approvals.story import a_run, a_use_case, a_version, sign
from tests.cast import Cast


def test_the_tool_asks_the_running_portal(committed_cast: Cast, live_server: Any, tmp_path: Path, capsys: Any) -> None:
    cast = committed_cast
    _row, token = issue_token(
        actor=cast.actor("admin"), account=cast.accounts["pipeline"], label="deploy", scopes=[Scope.GATE]
    )
    (tmp_path / "token").write_text(token)
    use_case = a_use_case(cast)
    version = a_version(cast, use_case)

    def ask(digest: str = version.digest) -> tuple[int, dict[str, Any]]:
        code = gatehouse.main(
            [
                *("check", "--url", live_server.url, "--use-case", use_case.reference, "--environment", "production"),
                *("--digest", digest, "--artifact", f"assistant={'b' * 64}"),
                *("--token-file", str(tmp_path / "token"), "--json"),
            ]
        )
        return code, json.loads(capsys.readouterr().out)

    assert ask()[0] == gatehouse.DENY
    a_run(version)
    release = propose_release(actor=cast.actor("dev"), use_case=use_case, version=version, environment="production")
    assert ask()[0] == gatehouse.DENY
    for lane in release.lanes:
        sign(cast, release, lane)
    code, answer = ask()
    assert (code, answer["digest"]) == (gatehouse.ALLOW, version.digest)
    assert ask("0" * 64)[0] == gatehouse.DENY
    a_run(version, passed=100)
    code, answer = ask()
    assert code == gatehouse.DENY
    assert answer["reasons"][0].startswith("The gate fails: the evidence does not meet its criteria.")
