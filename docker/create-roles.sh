#!/usr/bin/env bash
# Runs inside the PostgreSQL image when its data directory is new: the same roles as everywhere, passwords from files.
set -euo pipefail
for role in OWNER APP AUDITOR SEALER SIGNER; do
    password=$(<"${SECRETS:-/run/secrets}/${role,,}_password")
    export "GATEHOUSE_${role}_PASSWORD=$password"
done
sql=${GATEHOUSE_SQL:-/gatehouse}
psql --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname postgres --file "$sql/roles.sql"
psql --no-psqlrc --username "${POSTGRES_USER:-postgres}" --dbname gatehouse --file "$sql/privileges.sql"
