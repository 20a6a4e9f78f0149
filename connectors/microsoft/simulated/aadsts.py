"""Refusals of the sign-in service, in its words.

Sources: https://learn.microsoft.com/entra/identity-platform/reference-error-codes and
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-response-1
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from connectors.microsoft.simulated.errors import Json


@dataclass(frozen=True)
class Reason:
    """What one AADSTS code stands for."""

    error: str
    text: str
    suberror: str = ""
    status: int = 400


REASONS = {
    50011: Reason("invalid_request", "The redirect URI '{0}' specified in the request does not match the redirect URIs "
                  "configured for the application."),
    50034: Reason("invalid_grant", "The user account {0} does not exist in the directory."),
    50076: Reason("interaction_required", "Due to a configuration change made by your administrator, or because you moved "
                  "to a new location, you must use multi-factor authentication to access "
                  "'00000003-0000-0000-c000-000000000000'.", "basic_action"),
    50079: Reason("interaction_required", "Due to a configuration change made by your administrator, or because you moved "
                  "to a new location, you must enroll in multi-factor authentication to access "
                  "'00000003-0000-0000-c000-000000000000'.", "basic_action"),
    50173: Reason("invalid_grant", "The provided grant has expired due to it being revoked, a fresh auth token is needed. "
                  "The user might have changed or reset their password.", "bad_token"),
    50194: Reason("invalid_request", "Application '{0}' is not configured as a multi-tenant application. Usage of the "
                  "/common endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific "
                  "endpoint or configure the application to be multi-tenant."),
    53003: Reason("invalid_grant", "Access has been blocked by Conditional Access policies. The access policy does not "
                  "allow token issuance.", "message_only"),
    54005: Reason("invalid_grant", "OAuth2 Authorization code was already redeemed, please retry with a new valid code or "
                  "use an existing refresh token."),
    65001: Reason("invalid_grant", "The user or administrator has not consented to use the application with ID '{0}'. Send "
                  "an interactive authorization request for this user and resource.", "consent_required"),
    65004: Reason("access_denied", "User declined to consent to access the app."),
    70000: Reason("invalid_grant", "The provided value for the input parameter 'refresh_token' or 'code' is not valid."),
    70003: Reason("unsupported_grant_type", "The app requested an unsupported grant type '{0}'."),
    70008: Reason("invalid_grant", "The provided authorization code or refresh token has expired due to inactivity. Send a "
                  "new interactive authorization request for this user and resource."),
    70011: Reason("invalid_scope", "The provided request must include a 'scope' input parameter. The provided value for "
                  "the input parameter 'scope' is not valid. The scope {0} is not valid."),
    90002: Reason("invalid_request", "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are "
                  "signing into the correct cloud."),
    500112: Reason("invalid_grant", "The reply address '{0}' does not match the reply address provided when requesting "
                   "Authorization code."),
    501481: Reason("invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization "
                   "request."),
    700016: Reason("unauthorized_client", "Application with identifier '{0}' was not found in the directory 'Acme'. This "
                   "can happen if the application has not been installed by the administrator of the tenant or consented "
                   "to by any user in the tenant."),
    700027: Reason("invalid_client", "The certificate with identifier used to sign the client assertion is not registered "
                   "on application.", status=401),
    700082: Reason("invalid_grant", "The refresh token has expired due to inactivity. The token was issued on {0} and was "
                   "inactive for 90.00:00:00.", "bad_token"),
    900144: Reason("invalid_request", "The request body must contain the following parameter: '{0}'."),
    1002012: Reason("invalid_scope", "The provided value for scope {0} is not valid. Client credential flows must have a "
                    "scope value with /.default suffixed to the resource identifier (application ID URI)."),
    7000215: Reason("invalid_client", "Invalid client secret provided. Ensure the secret being sent in the request is the "
                    "client secret value, not the client secret ID, for a secret added to app '{0}'.", status=401),
    7000218: Reason("invalid_client", "The request body must contain the following parameter: 'client_assertion' or "
                    "'client_secret'.", status=401),
}  # fmt: skip


class SignInError(Exception):
    """A refusal, by its AADSTS number."""

    def __init__(self, code: int, value: str = "") -> None:
        self.code, self.reason = code, REASONS[code]
        self.text = f"AADSTS{code}: {self.reason.text.format(value)}"
        super().__init__(self.text)

    def body(self, now: datetime) -> Json:
        """The error as the token endpoint answers it."""
        moment, trace, correlation = now.strftime("%Y-%m-%d %H:%M:%SZ"), str(uuid4()), str(uuid4())
        told: Json = {
            "error": self.reason.error,
            "error_description": f"{self.text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}",
            "error_codes": [self.code], "timestamp": moment, "trace_id": trace, "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }  # fmt: skip
        return told | ({"suberror": self.reason.suberror} if self.reason.suberror else {})
