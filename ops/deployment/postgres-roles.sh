#!/bin/sh
# Run once by the database's own image: the roles that workers connect as, with their passwords; migrations grant them the rest.
set -eu
psql --quiet --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<SQL
CREATE ROLE permit_hub_worker LOGIN PASSWORD '$(cat /run/secrets/postgres_worker_password)';
CREATE ROLE permit_hub_lane LOGIN PASSWORD '$(cat /run/secrets/postgres_lane_password)';
SQL
