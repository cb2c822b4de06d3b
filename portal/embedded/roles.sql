-- Gatehouse's roles and database. A psql script; running it again changes nothing.
-- Use:  python -m portal.embedded roles-sql | psql --no-psqlrc "postgresql://ADMINISTRATOR@HOST/postgres"
-- Passwords come from GATEHOUSE_{OWNER,APP,AUDITOR,SEALER,SIGNER}_PASSWORD in psql's environment, so that they never
-- show in a process list; a role whose variable is unset keeps the password it has (none, when it is new).
\set ON_ERROR_STOP on
\getenv owner_password GATEHOUSE_OWNER_PASSWORD
\getenv app_password GATEHOUSE_APP_PASSWORD
\getenv auditor_password GATEHOUSE_AUDITOR_PASSWORD
\getenv sealer_password GATEHOUSE_SEALER_PASSWORD
\getenv signer_password GATEHOUSE_SIGNER_PASSWORD
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', wanted)
  FROM unnest(ARRAY['gatehouse_owner', 'gatehouse_app', 'gatehouse_auditor', 'gatehouse_sealer', 'gatehouse_signer'])
       AS wanted
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
\gexec

\if :{?owner_password}
ALTER ROLE gatehouse_owner PASSWORD :'owner_password';
\endif
\if :{?app_password}
ALTER ROLE gatehouse_app PASSWORD :'app_password';
\endif
\if :{?auditor_password}
ALTER ROLE gatehouse_auditor PASSWORD :'auditor_password';
\endif
\if :{?sealer_password}
ALTER ROLE gatehouse_sealer PASSWORD :'sealer_password';
\endif
\if :{?signer_password}
ALTER ROLE gatehouse_signer PASSWORD :'signer_password';
\endif

-- The guarantees rest on what these roles cannot do, so a role that was given more stops the set-up.
DO $$
DECLARE
    powerful text;
BEGIN
    SELECT string_agg(rolname, ', ') INTO powerful FROM pg_roles
     WHERE rolname IN ('gatehouse_owner', 'gatehouse_app', 'gatehouse_auditor', 'gatehouse_sealer', 'gatehouse_signer')
       AND (rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls);
    IF powerful IS NOT NULL THEN
        RAISE EXCEPTION 'Too powerful for Gatehouse: %. Take SUPERUSER, CREATEROLE, REPLICATION and BYPASSRLS away.',
            powerful;
    END IF;
END
$$;

-- An administrator who is no superuser must be a member of the owner to create a database for it.
SELECT format('GRANT gatehouse_owner TO %I', current_user)
 WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
\gexec

ALTER ROLE gatehouse_auditor SET default_transaction_read_only = on;

SELECT 'CREATE DATABASE gatehouse OWNER gatehouse_owner ENCODING ''UTF8'' TEMPLATE template0'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'gatehouse')
\gexec

REVOKE ALL ON DATABASE gatehouse FROM PUBLIC;
GRANT CONNECT ON DATABASE gatehouse TO gatehouse_app, gatehouse_auditor, gatehouse_sealer, gatehouse_signer;
GRANT TEMPORARY ON DATABASE gatehouse TO gatehouse_app;
