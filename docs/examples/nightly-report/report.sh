#!/bin/sh
# Runs the workflow, and prints the report of the night.
set -eu
cd "$(dirname "$0")"

sedge workflow run nightly --quiet
files=$(sedge data get archive inventory --select attributes.files)
bytes=$(sedge data get archive inventory --select attributes.bytes)
printf 'The archive has %s files with %s bytes.\n' "$files" "$bytes"

printf '\nSince the night before:\n'
if [ "$(sedge data get archive inventory --select version)" = 1 ]; then
    printf 'This is the first inventory.\n'
else
    sedge data diff archive inventory
fi

printf '\nThe disk:\n'
sedge data get disk result --select attributes.stdout.text --raw

sedge data gc --yes --quiet
