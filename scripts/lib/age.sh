# shellcheck shell=bash
# age for the tests, which open with it what this program encrypts, and the other way round.

# need_age: puts age and age-keygen on PATH, and exports TEST_AGE, with which tests fail where they are not.
need_age() {
  local suite program
  suite=$(codename)
  for program in age age-keygen; do
    if have "$program"; then
      continue
    elif fetch_program "$suite" age "usr/bin/$program" age; then
      PATH=$CACHE/age/$suite:$PATH
    else
      apt_need "$program=age"
    fi
  done
  export TEST_AGE=1
}
