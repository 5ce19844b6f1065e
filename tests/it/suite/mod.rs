//! One suite on the fake daemon, of both series, and on a real one: what holds for users, and what
//! the daemons answer. What the fake does is thereby checked against the real.

mod answers;
mod existing;
mod one;
mod project;
mod world;

/// Makes a test of each scenario on each daemon. Those on a real one have `real_` in their names, as
/// every such test.
macro_rules! scenarios {
    ($($scenario:ident),+ $(,)?) => {
        mod fake_60 {
            $(#[test]
            fn $scenario() {
                super::$scenario(&crate::suite::world::World::fake(Series::Lts60));
            })+
            use incus_backup::testing::fake::Series;
        }
        mod fake_70 {
            $(#[test]
            fn $scenario() {
                super::$scenario(&crate::suite::world::World::fake(Series::Lts70));
            })+
            use incus_backup::testing::fake::Series;
        }
        mod real_one {
            $(#[test]
            fn $scenario() {
                if let Some(world) = crate::suite::world::World::real() {
                    super::$scenario(&world);
                }
            })+
        }
    };
}
use scenarios;

/// The same, and on a fake one with a restic repository as its target besides: with a real one each
/// command would cost seconds, and show nothing that one of the two does not show alone.
macro_rules! scenarios_of_targets {
    ($($scenario:ident),+ $(,)?) => {
        $crate::suite::scenarios!($($scenario),+);
        mod restic_70 {
            $(#[test]
            fn $scenario() {
                let world = World::fake(Series::Lts70);
                if let Some(world) = world.into_repository() {
                    super::$scenario(&world);
                }
            })+
            use crate::suite::world::World;
            use incus_backup::testing::fake::Series;
        }
    };
}
use scenarios_of_targets;
