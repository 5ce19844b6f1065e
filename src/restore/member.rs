//! Which member of a cluster something is restored to (pure), and what is known of the members.

use super::error::RestoreError;
use crate::incus::{Client, Member};

/// The members of the cluster that is restored to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    /// The one that is asked.
    pub own: String,
    /// All of them, and whether each is reached from here; none where there is no cluster.
    pub all: Vec<(Member, Reach)>,
}

/// Whether a member is reached from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It answers.
    Reached,
    /// It does not, or only another one is reached by a UNIX socket.
    Not,
}

/// Where something goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    /// Wherever it is received.
    Here,
    /// To this member.
    To(&'a Member),
    /// Wherever it is received, for this reason.
    Elsewhere(String),
}

impl Members {
    /// Reads them.
    pub(super) async fn read(client: &Client) -> Result<Self, RestoreError> {
        let mut all = Vec::new();
        for member in client.members().await? {
            let reached = member.is_online() && client.reaches(&member).await;
            let reach = if reached { Reach::Reached } else { Reach::Not };
            all.push((member, reach));
        }
        Ok(Self {
            own: client.server().name.clone(),
            all,
        })
    }

    fn find(&self, name: &str) -> Option<&(Member, Reach)> {
        self.all.iter().find(|(member, _)| member.name == name)
    }

    /// Where a volume or a bucket goes to, which the cluster passes on itself: the member that is asked
    /// for, or the one where it was.
    pub(super) fn place(
        &self,
        asked: Option<&str>,
        was: Option<&str>,
    ) -> Result<Choice<'_>, String> {
        if let Some(asked) = asked {
            if self.all.is_empty() {
                return Err("this server is in no cluster: leave --member out".to_owned());
            }
            return match self.find(asked) {
                None => Err(format!("the cluster has no member `{asked}`")),
                Some((member, _)) if !member.is_online() => Err(format!(
                    "cluster member `{asked}` is {}",
                    member.status.to_lowercase()
                )),
                Some((member, _)) => Ok(Choice::To(member)),
            };
        }
        let Some(was) = was.filter(|_| !self.all.is_empty()) else {
            return Ok(Choice::Here);
        };
        Ok(match self.find(was) {
            Some((member, _)) if member.is_online() => Choice::To(member),
            Some(_) => self.elsewhere(&format!("`{was}`, where it was, is down")),
            None => self.elsewhere(&format!("`{was}`, where it was, is not in this cluster")),
        })
    }

    /// Where an instance goes to, which lands on the member that receives it.
    pub(super) fn landing(
        &self,
        asked: Option<&str>,
        was: Option<&str>,
    ) -> Result<Choice<'_>, String> {
        let Choice::To(member) = self.place(asked, was)? else {
            return self.place(asked, was);
        };
        let name = &member.name;
        match (self.find(name), asked) {
            (Some((_, Reach::Reached)), _) => Ok(Choice::To(member)),
            (_, Some(_)) => Err(format!(
                "cluster member `{name}` is not reached at {}; use a remote by HTTPS, from where it is",
                member.url
            )),
            (_, None) => Ok(self.elsewhere(&format!(
                "`{name}`, where it was, is not reached at {}",
                member.url
            ))),
        }
    }

    fn elsewhere(&self, why: &str) -> Choice<'_> {
        Choice::Elsewhere(format!("onto member `{}`, for {why}", self.own))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn members() -> Members {
        let member = |name: &str, status: &str, reach| {
            let member = Member {
                name: name.to_owned(),
                url: format!("https://{name}:8443"),
                status: status.to_owned(),
            };
            (member, reach)
        };
        Members {
            own: "m1".to_owned(),
            all: vec![
                member("m1", "Online", Reach::Reached),
                member("m2", "Online", Reach::Reached),
                member("far", "Online", Reach::Not),
                member("down", "Offline", Reach::Not),
            ],
        }
    }

    fn text(choice: Result<Choice<'_>, String>) -> String {
        match choice {
            Ok(Choice::Here) => "here".to_owned(),
            Ok(Choice::To(member)) => format!("to {}", member.name),
            Ok(Choice::Elsewhere(why)) => why,
            Err(why) => format!("no: {why}"),
        }
    }

    #[rstest]
    #[case(None, None, "here", "here")]
    #[case(None, Some("m2"), "to m2", "to m2")]
    #[case(Some("m1"), Some("m2"), "to m1", "to m1")]
    #[case(
        None,
        Some("far"),
        "to far",
        "onto member `m1`, for `far`, where it was, is not reached at https://far:8443"
    )]
    #[case(
        Some("far"),
        None,
        "to far",
        "no: cluster member `far` is not reached at https://far:8443; use a remote by HTTPS, from where it is"
    )]
    #[case(
        None,
        Some("down"),
        "onto member `m1`, for `down`, where it was, is down",
        "onto member `m1`, for `down`, where it was, is down"
    )]
    #[case(
        Some("down"),
        None,
        "no: cluster member `down` is offline",
        "no: cluster member `down` is offline"
    )]
    #[case(
        None,
        Some("gone"),
        "onto member `m1`, for `gone`, where it was, is not in this cluster",
        "onto member `m1`, for `gone`, where it was, is not in this cluster"
    )]
    #[case(
        Some("gone"),
        None,
        "no: the cluster has no member `gone`",
        "no: the cluster has no member `gone`"
    )]
    fn it_goes_where_it_is_asked_for_or_was(
        #[case] asked: Option<&str>,
        #[case] was: Option<&str>,
        #[case] volume: &str,
        #[case] instance: &str,
    ) {
        let members = members();
        assert_eq!(text(members.place(asked, was)), volume);
        assert_eq!(text(members.landing(asked, was)), instance);
    }

    #[test]
    fn a_server_of_its_own_has_no_members() {
        let alone = Members::default();
        assert_eq!(text(alone.landing(None, Some("m2"))), "here");
        let refused = "no: this server is in no cluster: leave --member out";
        assert_eq!(text(alone.landing(Some("m2"), None)), refused);
    }
}
