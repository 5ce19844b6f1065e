#!/usr/bin/awk -f
# Reads lcov: how many of the lines of each module tests reach, and each line of create, restore,
# replace and prune that none reaches. Tests that stand in a file of their module do not count.

/^SF:/ {
    file = substr($0, 4)
    sub(/^.*\/src\//, "src/", file)
    tests = 1e9
    number = 0
    while ((getline line < file) > 0) {
        number++
        text[file, number] = line
        if (line ~ /^#\[cfg\(test\)\]/) { tests = number; break }
    }
    close(file)
    module = file
    sub(/^src\//, "", module)
    sub(/\/.*$|\.rs$/, "", module)
    next
}

/^DA:/ {
    split(substr($0, 4), part, ",")
    if (part[1] >= tests) next
    of[module]++
    all++
    if (part[2] > 0) {
        hit[module]++
        reached++
    } else if (module ~ /^(backup|restore|prune|temporary|retention|plan)$/) {
        if (!(file in first)) { order[++files] = file; first[file] = 1 }
        lines[file] = lines[file] sprintf("  %5d  %s\n", part[1], text[file, part[1]])
    }
}

END {
    if (!all) { print "nothing was measured" > "/dev/stderr"; exit 1 }
    print "lines of create, restore, replace and prune that no test reaches:"
    for (i = 1; i <= files; i++) printf "%s\n%s", order[i], lines[order[i]]
    print ""
    printf "%-12s %7s %7s %6s\n", "module", "lines", "reached", "%"
    sort = "sort"
    for (module in of)
        printf "%-12s %7d %7d %6.1f\n", module, of[module], hit[module], 100 * hit[module] / of[module] | sort
    close(sort)
    printf "%-12s %7d %7d %6.1f\n", "all", all, reached, 100 * reached / all
}
