"""Signing in, API tokens, sessions, viewers, the first account, and the audit log."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from plant_backend.api import problems
from plant_backend.api.dependencies import (
    SESSION_COOKIE,
    ClientAddress,
    CurrentAccount,
    CurrentKeeper,
    RowId,
    ServicesDep,
    is_from_elsewhere,
)
from plant_backend.api.schemas import (
    AuditEntryRead,
    AuditList,
    PasswordChange,
    SessionCreate,
    SessionRead,
    SetupRequest,
    TokenCreate,
    TokenCreated,
    TokenRead,
    TokenRequest,
    UserCreate,
    UserRead,
)
from plant_backend.domain.account import ApiToken, Principal, Session
from plant_backend.domain.errors import Forbidden, NotFound
from plant_backend.services.people import SESSION_LIFETIME_MS

router = APIRouter(tags=["people"])

_FROM_ELSEWHERE: dict[int | str, dict[str, str]] = {403: {"description": "Another site sent this."}}


@router.post("/auth/token", status_code=201, responses=problems.GUESSING)
async def exchange_password(body: TokenRequest, services: ServicesDep, address: ClientAddress) -> TokenCreated:
    """Exchange a password for a named, revocable API token."""
    return _created(*await services.people.token_for_password(body.username, body.password, body.name, address))


@router.get("/tokens")
async def list_tokens(who: CurrentAccount, services: ServicesDep) -> Sequence[TokenRead]:
    """List your tokens."""
    return [TokenRead.model_validate(token) for token in await services.people.tokens(who)]


@router.post("/tokens", status_code=201)
async def create_token(body: TokenCreate, who: CurrentAccount, services: ServicesDep) -> TokenCreated:
    """Make another token for yourself."""
    return _created(*await services.people.add_token(who, body.name))


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke_token(token_id: RowId, who: CurrentAccount, services: ServicesDep) -> None:
    """Revoke one of your tokens."""
    await services.people.revoke(who, token_id)


@router.post("/auth/session", status_code=201, responses=problems.GUESSING | _FROM_ELSEWHERE)
async def open_session(
    body: SessionCreate,
    request: Request,
    response: Response,
    services: ServicesDep,
    address: ClientAddress,
    user_agent: Annotated[str, Header(include_in_schema=False)] = "",
) -> SessionRead:
    """Sign a browser in: the answer sets its cookie."""
    if "sec-fetch-site" in request.headers and is_from_elsewhere(request):
        raise Forbidden("Sign in on this site's own page.")
    who, session, secret = await services.people.open_session(body.username, body.password, user_agent, address)
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_LIFETIME_MS // 1000,
        path=request.scope.get("root_path") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return _session(session, who, is_current=True)


@router.delete("/auth/session", status_code=204, responses={404: {"description": "A token asked, and no session."}})
async def end_session(request: Request, response: Response, who: CurrentAccount, services: ServicesDep) -> None:
    """Sign this browser out."""
    if who.session_id is None:
        raise NotFound("session")
    await services.people.end_session(who, who.session_id)
    response.delete_cookie(SESSION_COOKIE, path=request.scope.get("root_path") or "/")


@router.get("/sessions")
async def list_sessions(who: CurrentAccount, services: ServicesDep) -> Sequence[SessionRead]:
    """List where you are signed in."""
    return [
        _session(session, who, is_current=session.id == who.session_id)
        for session in await services.people.sessions(who)
    ]


@router.delete("/sessions/{session_id}", status_code=204)
async def end_other_session(session_id: RowId, who: CurrentAccount, services: ServicesDep) -> None:
    """Sign another browser of yours out."""
    await services.people.end_session(who, session_id)


@router.put("/account/password", status_code=204, responses=problems.GUESSING)
async def change_password(body: PasswordChange, who: CurrentAccount, services: ServicesDep) -> None:
    """Give yourself another password. All your other sessions and tokens end."""
    await services.people.change_password(who, body.current_password, body.new_password)


@router.post(
    "/setup",
    status_code=201,
    responses=problems.GUESSING | {409: {"description": "There is an account already."}},
)
async def set_up(body: SetupRequest, services: ServicesDep, address: ClientAddress) -> UserRead:
    """Make the first account, with the token that the log shows at the first start."""
    return UserRead.model_validate(await services.accounts.set_up(body.token, body.username, body.password, address))


@router.get("/viewers")
async def list_viewers(who: CurrentKeeper, services: ServicesDep) -> Sequence[UserRead]:
    """List who may look at your devices."""
    return [UserRead.model_validate(user) for user in await services.accounts.viewers(who)]


@router.post("/viewers", status_code=201, responses={409: {"description": "There is a user of that name already."}})
async def create_viewer(body: UserCreate, who: CurrentKeeper, services: ServicesDep) -> UserRead:
    """Make an account that sees all that you see and changes nothing."""
    return UserRead.model_validate(await services.accounts.add(body.username, body.password, who))


@router.delete("/viewers/{user_id}", status_code=204)
async def delete_viewer(user_id: RowId, who: CurrentKeeper, services: ServicesDep) -> None:
    """Delete a viewer's account."""
    await services.accounts.delete_viewer(who, user_id)


@router.get("/audit", responses={403: {"description": "A viewer sees no audit log."}})
async def list_audit(
    who: CurrentKeeper,
    services: ServicesDep,
    before: Annotated[int | None, Query(ge=1, le=2**53, description="Give what is older than this id.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AuditList:
    """List who did what, newest first."""
    entries = await services.audit.all(who, before, limit)
    return AuditList(
        entries=[AuditEntryRead.model_validate(entry) for entry in entries],
        next_before=entries[-1].id if len(entries) == limit else None,
    )


def _created(made: ApiToken, token: str) -> TokenCreated:
    return TokenCreated(
        id=made.id,
        name=made.name,
        prefix=made.prefix,
        created_at=made.created_at,
        last_used_at=made.last_used_at,
        scope=made.scope,
        token=token,
    )


def _session(session: Session, who: Principal, *, is_current: bool) -> SessionRead:
    return SessionRead(
        id=session.id,
        username=who.username,
        role=who.role,
        agent=session.agent,
        address=session.address,
        created_at=session.created_at,
        seen_at=session.seen_at,
        ends_at=session.ends_at,
        is_current=is_current,
    )
