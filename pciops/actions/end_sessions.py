"""End sessions: end all tokens of an account with one call of Keystone's API (release 30)."""

from __future__ import annotations

from http import HTTPStatus

from pciops.accounts.privileged import AccountKind
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act, ActRequest, Done, Refused, Unknown
from pciops.actions.patch import refused
from pciops.audit.models import Event
from pciops.keystone import client


class EndSessions(Act):
    """One DELETE of Keystone's API with the operator's token; a lock ends no session."""

    name = "end-sessions"
    action = Event.Action.END_SESSIONS
    label = "End all sessions"
    title = ("End all sessions of", "")
    did = "has no sessions left."
    unfit = "The account is disabled: Keystone has ended its tokens."
    needs_token = True

    def fits(self, verdict: SigninVerdict) -> bool:
        return bool(verdict.account.enabled) and verdict.account.readable

    def why_unfit(self, verdict: SigninVerdict) -> str:
        if not verdict.account.readable:
            return "Keystone cannot read the user's row, and every change of it fails."
        return self.unfit

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Ends all tokens of the account, through Keystone's API and with your own token.",
            "The password and application credentials keep working, so their holder can sign in "
            "again. To stop those too, disable the account.",
            "Keystone keeps one revocation event and compares every token with it until the last "
            "ended token would have expired.",
            "Keystone before release 30 can't do this. Then nothing changes; disable the account "
            "instead, which ends its tokens.",
        ]

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        if AccountKind.SERVICE in verdict.account.kinds:
            return ["It is a service account: its requests fail until it signs in again."]
        return []

    def precondition(self, verdict: SigninVerdict) -> str:
        return f"enabled={bool(verdict.account.enabled):d}"

    def carry_out(
        self, event: Event, verdict: SigninVerdict, request: ActRequest
    ) -> Done | Refused | Unknown | None:
        try:
            client.end_sessions(request.token_id, event.target_id)
        except client.TooOldError:
            return Refused(
                event=event,
                sentence="This Keystone can't end sessions: that needs release 30. Disable the "
                "account instead, which ends its tokens at once and stops its "
                "application credentials. Nothing was changed.",
                remark="this Keystone has no such call",
                status=HTTPStatus.NOT_IMPLEMENTED,
            )
        except client.LostError as error:
            sentence = f"Keystone did not say whether it ended the sessions: {error}. Try again."
            return Unknown(event=event, sentence=sentence, remark=str(error))
        except client.KeystoneError as error:
            return refused(event, error)
        return Done(event=event)

    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        return f"{self.why_unfit(verdict)} Nothing was changed."

    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        return Event.Outcome.UNKNOWN, "Keystone does not show whether tokens were ended"


END_SESSIONS = EndSessions()
