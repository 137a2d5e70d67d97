# floors.awk -- what no compiler checks: who may include whom, and how long things are.
#
#     git ls-files '*.c' '*.h' | xargs awk -f tests/floors.awk
#
# Floors, lowest first. A file may include its own floor and what is listed.
BEGIN {
    FILE_LINES_MAX = 800
    FUNCTION_LINES_MAX = 70

    may["libhist/include"] = "hist"
    may["libhist/base"]    = "hist base"
    may["libhist/os"]      = "hist base os"
    may["libhist/codec"]   = "hist base codec"
    may["formats"]         = "hist base formats"
    may["libhist/store"]   = "hist base os codec store"
    may["libhist/query"]   = "hist base store/scan.h store/catalog.h query"
    may["libhist/api"]     = "hist base os store query api formats/lineproto.h"
    may["histd"]           = "hist base formats histd"
    may["histcli"]         = "hist base formats histcli"
}

function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}

FNR == 1 {
    start = 0
    floor = FILENAME
    sub("/[^/]*$", "", floor)
    if ($0 !~ /^\/\*/) {
        complain("begins without a comment that says what the file is for")
    }
}

FNR == FILE_LINES_MAX + 1 { complain("file is longer than " FILE_LINES_MAX " lines") }

/^#include "/ && floor in may {
    split($0, quoted, "\"")
    where = quoted[2] ~ /^hist[a-z_]*\.h$/ ? "hist" : quoted[2]
    sub("/.*", "", where)
    if (index(" " may[floor] " ", " " where " ") == 0 &&
        index(" " may[floor] " ", " " quoted[2] " ") == 0) {
        complain("a file in " floor " may not include \"" quoted[2] "\"")
    }
}

/^{/ { start = FNR }
/^}/ {
    if (start && FNR - start > FUNCTION_LINES_MAX) {
        complain("function is longer than " FUNCTION_LINES_MAX " lines")
    }
    start = 0
}

/[ \t]$/ { complain("blanks at the end of the line") }
# Words in strings and comments are no calls, and a member may have any name.
{
    code = $0
    gsub(/"([^"\\]|\\.)*"/, "", code)
    sub(/\/\*.*/, "", code)
    if (code !~ /^ *\*/ &&
        code ~ /(^|[^_a-z.>])(strcpy|strcat|strncpy|sprintf|strtok|gets|atoi|localtime|gmtime|rand)\(/) {
        complain("banned function")
    }
}

END { exit bad }
