#!/usr/bin/perl
# Fills a target with as many versions as are asked for, made of one that is there: a hundred instances,
# an hour between two versions. Each has a manifest of its own, and its other files by hard links.
#
# usage: many_versions.pl VERSION-FOLDER COUNT
use strict;
use warnings;
use POSIX qw(strftime);

my ($of, $count) = @ARGV;
die "usage: $0 VERSION-FOLDER COUNT\n" unless $count and -d $of;
(my $project = $of) =~ s{/[^/]+/[^/]+/?$}{};
opendir my $folder, $of or die "$of: $!\n";
my @others = grep { !/^\.|^manifest\.json$/ } readdir $folder;
open my $file, '<', "$of/manifest.json" or die "manifest.json: $!\n";
my $manifest = do { local $/; <$file> };

# An inode has no more than 65,000 names on ext4.
my $origin = $of;
for my $number (0 .. $count - 1) {
    my $name = sprintf 'many-%02d', $number % 100;
    my $version = strftime '%Y%m%dT%H%M%SZ', gmtime 1_577_836_800 + 3600 * int $number / 100;
    my $place = "$project/$name/$version";
    if ($number < 100) { mkdir "$project/$name" or die "$name: $!\n" }
    mkdir $place or die "$place: $!\n";
    if ($number % 50_000 == 49_999) {
        system('cp', map({ "$of/$_" } @others), $place) == 0 or die "cp\n";
        $origin = $place;
    } else {
        for (@others) { link "$origin/$_", "$place/$_" or die "$place/$_: $!\n" }
    }
    (my $own = $manifest) =~ s/("name": )"[^"]*"/$1"$name"/;
    $own =~ s/("version": )"[^"]*"/$1"$version"/;
    open my $out, '>', "$place/manifest.json" or die "$place: $!\n";
    print $out $own;
    close $out or die "$place: $!\n";
}
