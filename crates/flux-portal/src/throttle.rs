//! How often a password may be guessed: five times in a quarter of an hour, by account and by address.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

/// Failures that are let pass.
const FAILURES: usize = 5;
/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Accounts and addresses that are remembered.
const REMEMBERED: u64 = 50_000;

type Failures = Arc<Mutex<Vec<Instant>>>;

/// Who has failed how often.
pub(crate) struct Throttle(Cache<String, Failures>);

/// A try that counts as a failure until it is forgiven.
pub(crate) struct Try {
    at: Instant,
    lists: [Failures; 2],
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(REMEMBERED).time_to_idle(WINDOW).build())
    }

    /// Begins a try: counted at once, so that many at the same time are not more than five.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(crate) fn begin(&self, account: &str, address: IpAddr) -> Result<Try, u64> {
        let account = account.trim().to_lowercase();
        let account: String = account.chars().take(255).collect();
        let lists = [format!("compte {account}"), format!("adresse {}", block(address))]
            .map(|key| self.0.get_with(key, Failures::default));
        let at = Instant::now();
        let mut wait = Duration::ZERO;
        for list in &lists {
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            list.retain(|failure| at.duration_since(*failure) < WINDOW);
            if list.len() >= FAILURES
                && let Some(first) = list.first()
            {
                wait = wait.max(WINDOW.saturating_sub(at.duration_since(*first)));
            }
        }
        if !wait.is_zero() {
            return Err(wait.as_secs() + 1);
        }
        for list in &lists {
            list.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        }
        Ok(Try { at, lists })
    }
}

impl Try {
    /// The password was right. What failed before still counts for the address, and no longer for the account.
    pub(crate) fn forgive(self) {
        self.lists[0].lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.withdraw();
    }

    /// It was no try: the password could not be judged.
    pub(crate) fn withdraw(self) {
        for list in &self.lists {
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = list.iter().position(|at| *at == self.at) {
                list.remove(place);
            }
        }
    }
}

/// Who has an IPv6 address has a /64 of them.
pub(crate) fn block(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_sixth_try_waits_by_account_and_by_address() {
        let throttle = Throttle::new();
        for n in 0..5 {
            assert!(throttle.begin("Anne", address(&format!("192.0.2.{n}"))).is_ok());
        }
        let wait = throttle.begin(" anne ", address("192.0.2.99")).err().unwrap();
        assert!((1..=901).contains(&wait), "{wait}");
        assert!(throttle.begin("luc", address("192.0.2.99")).is_ok());
        for n in 0..4 {
            assert!(throttle.begin(&format!("x{n}"), address("192.0.2.99")).is_ok());
        }
        assert!(throttle.begin("y", address("192.0.2.99")).is_err());
    }

    #[test]
    fn a_right_password_clears_the_account_and_not_what_the_address_failed_elsewhere() {
        let throttle = Throttle::new();
        for n in 0..4 {
            let _ = throttle.begin(&format!("x{n}"), address("192.0.2.1"));
        }
        throttle.begin("anne", address("192.0.2.1")).unwrap().forgive();
        assert!(throttle.begin("luc", address("192.0.2.1")).is_ok());
        assert!(throttle.begin("luc", address("192.0.2.1")).is_err());
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        assert_eq!(block(address("2001:db8:1:2:3::4")), block(address("2001:db8:1:2:ffff::1")));
        assert_ne!(block(address("2001:db8:1:2::1")), block(address("2001:db8:1:3::1")));
    }
}
