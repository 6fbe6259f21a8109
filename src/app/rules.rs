//! From a configuration to the figures that the stages go by.

use std::time::Duration;

use chrono::TimeDelta;

use crate::config::Config;
use crate::domain::form::FormLimits;
use crate::images::ImageLimits;
use crate::lifecycle::Terms;
use crate::pipeline::context::Rules;
use crate::policy::facts::Limits;

pub(super) fn rules(config: &Config) -> Rules {
    let (limits, review) = (&config.limits, &config.review);
    let mib = |mib: u32| u64::from(mib) * 1024 * 1024;
    Rules {
        form: FormLimits {
            images: limits.images,
            image_bytes: mib(limits.image_mib),
            form_bytes: mib(limits.form_mib),
        },
        image: ImageLimits { bytes: mib(limits.image_mib), ..ImageLimits::default() },
        terms: Terms {
            offer: TimeDelta::minutes(review.offer_minutes.into()),
            decision: TimeDelta::hours(review.decision_hours.into()),
            threat_decision: TimeDelta::minutes(review.threat_decision_minutes.into()),
            emergency: TimeDelta::hours(review.emergency_hours.into()),
            expiry: TimeDelta::days(review.expiry_days.into()),
            ..Terms::default()
        },
        lease: TimeDelta::minutes(review.lease_minutes.into()),
        lease_most: TimeDelta::hours(review.lease_most_hours.into()),
        repeat: TimeDelta::hours(24),
        retention_days: config.retention.days,
        check_wait: Duration::from_millis(config.server.check_wait_ms.into()),
        policy: Limits {
            images: limits.images,
            situation_letters: limits.situation_letters,
            suspicion_letters: limits.suspicion_letters,
            signature_age: limits.signature_max_age_hours * 3600,
            signature_ahead: limits.signature_skew_minutes * 60,
            ..Limits::default()
        },
    }
}
