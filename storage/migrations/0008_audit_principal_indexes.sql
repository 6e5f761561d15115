-- Who did what is asked as often as what was done with a secret. Without these a search for somebody who was quiet for
-- long reads every event since. One for each way to name somebody, so that events come in order from either.

CREATE INDEX audit_events_principal ON audit_events (principal, event_time)
    WHERE principal IS NOT NULL AND part = 0;
CREATE INDEX audit_events_user_name ON audit_events (user_name, event_time)
    WHERE user_name IS NOT NULL AND part = 0;
