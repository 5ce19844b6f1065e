# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_incus_backup_setup_global_optspecs
    string join \n q/quiet v/verbose debug log-format= h/help V/version
end

function __fish_incus_backup_setup_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_incus_backup_setup_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_incus_backup_setup_using_subcommand
    set -l cmd (__fish_incus_backup_setup_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -s V -l version -d 'Print version'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -f -a "aliases" -d 'Make `incus backup …` run these programs'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -f -a "target" -d 'Make targets'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_needs_command" -f -a "copy" -d 'Copy stored versions from one target to another'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -f -a "install" -d 'Make `incus backup …` run these programs'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -f -a "remove" -d 'Take the aliases away again'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -f -a "rm" -d 'Take the aliases away again'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and not __fish_seen_subcommand_from install remove rm print" -f -a "print" -d 'Print the commands of `incus` that do the same as `install`'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -l force -d 'Replace aliases of these names that run something else'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s y -l yes -d 'Do not ask'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Do not ask'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand aliases; and __fish_seen_subcommand_from print" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and not __fish_seen_subcommand_from init" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and not __fish_seen_subcommand_from init" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and not __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and not __fish_seen_subcommand_from init" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and not __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and not __fish_seen_subcommand_from init" -f -a "init" -d 'Make a place a backup target'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -s y -l yes -d 'Do not ask'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand target; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l from -d 'The target that is copied from: `dir:/absolute/path`, `restic:REPOSITORY`, or the name of a target in `backup.yml`' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l to -d 'The target that is copied to, which is made after asking where it is not there' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l type -d 'Only this kind: instance, volume, bucket, image or config' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l project -d 'Only this project [default: all]' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l source -d 'Only the backups of this server [default: all]' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l version -d 'Only this version' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l compression -d 'Compress all archives anew: `zstd`, `zstd:LEVEL` (1 to 19) or `none` [default: what is compressed stays as it is, the rest as the target has it in `backup.yml`, else zstd:3; never in a restic repository]' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l lock-timeout -l retry-lock -d 'Wait this many seconds for another process to release a lock; 30s, 5m and 1h are understood too' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s f -l format -d 'The form of the output' -r -f -a "table\t'Borders and a header'
compact\t'A header, and no borders'
csv\t'Comma-separated raw values'
json\t'One array of objects'
yaml\t'One list of mappings'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s c -l columns -d 'The columns of tables and CSV, by name, separated by commas' -r
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l log-format -d 'The form of progress, warnings and errors on standard error' -r -f -a "text\t'Text for people'
json\t'One JSON object a line'"
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l latest -d 'Only the newest complete version of each'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l unlock -d 'Take away the locks of restic repositories whose processes are gone, after asking'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s n -l dry-run -d 'Show the plan and change nothing'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s y -l yes -d 'Do not ask'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s q -l quiet -d 'Say nothing but errors and results'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s v -l verbose -d 'Say more about what is done'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -l debug -d 'Log every request and decision'
complete -c incus-backup-setup -n "__fish_incus_backup_setup_using_subcommand copy" -s h -l help -d 'Print help (see more with \'--help\')'
