-- What the roles may do inside one database; run in every database of Gatehouse. Running it again changes nothing.
-- Append-only tables are narrowed further by the migrations that create them, with REVOKE.
\set ON_ERROR_STOP on
SET client_min_messages = warning;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO gatehouse_app, gatehouse_auditor, gatehouse_sealer, gatehouse_signer;

ALTER DEFAULT PRIVILEGES FOR ROLE gatehouse_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO gatehouse_app;
ALTER DEFAULT PRIVILEGES FOR ROLE gatehouse_owner GRANT USAGE ON SEQUENCES TO gatehouse_app;
ALTER DEFAULT PRIVILEGES FOR ROLE gatehouse_owner GRANT SELECT ON TABLES TO gatehouse_auditor;
