#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: the owner's and the application's role (docs/operations.md).
set -e
psql -v ON_ERROR_STOP=1 -v owner="$OWNER_PASSWORD" -v app="$APP_PASSWORD" --username "$POSTGRES_USER" <<SQL
CREATE ROLE desk_owner LOGIN PASSWORD :'owner';
CREATE ROLE desk_app LOGIN PASSWORD :'app';
CREATE DATABASE desk OWNER desk_owner ENCODING 'UTF8';
REVOKE ALL ON DATABASE desk FROM PUBLIC;
GRANT CONNECT ON DATABASE desk TO desk_app;
REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC;
\connect desk
SET ROLE desk_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO desk_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO desk_app;
SQL
