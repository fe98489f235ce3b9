//! Results of a survey: NPS, CSAT and the response rate, overall, by tier and by region.

use std::collections::BTreeMap;

use customers::customer::Tier;
use platform::Number;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Results of a survey so far
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SurveyResults {
    pub survey_id: Uuid,
    pub overall: Satisfaction,
    /// By the customer's tier when the sample was drawn
    pub by_tier: Vec<TierSatisfaction>,
    /// By the customer's region when the sample was drawn
    pub by_region: Vec<RegionSatisfaction>,
}

/// Results for the customers of a tier
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TierSatisfaction {
    #[schema(inline)]
    pub tier: Option<Tier>,
    #[serde(flatten)]
    pub results: Satisfaction,
}

/// Results for the customers of a region
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RegionSatisfaction {
    pub region: Option<String>,
    #[serde(flatten)]
    pub results: Satisfaction,
}

/// Satisfaction of a group of customers
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Satisfaction {
    pub invitations: i64,
    pub responses: i64,
    /// Null while nobody is invited
    #[schema(example = "62.50")]
    pub response_rate_percent: Option<String>,
    /// 推荐者: answers of 9 and 10
    pub promoters: i64,
    /// 被动者: answers of 7 and 8
    pub passives: i64,
    /// 贬损者: answers of 0 to 6
    pub detractors: i64,
    /// 净推荐值: the share of promoters minus that of detractors, −100 to 100. Null without answers
    #[schema(example = "33.33")]
    pub nps: Option<String>,
    /// Responses with a score of 1 to 5
    pub scores: i64,
    /// Responses with a score of 4 or more
    pub satisfied: i64,
    /// 满意率: the share of `satisfied` in `scores`. Null without scores
    #[schema(example = "83.33")]
    pub csat_percent: Option<String>,
    /// Mean of the scores, with four decimals as in the reports. Null without scores.
    #[schema(example = "4.1667")]
    pub average_score: Option<String>,
    /// Responses with a low score
    pub low_scores: i64,
    /// Responses with a follow-up
    pub follow_ups: i64,
}

/// The fields of one response that count.
#[derive(Debug, Clone)]
pub struct Scored {
    pub tier: Option<Tier>,
    pub region: Option<String>,
    pub score: Option<Number>,
    pub nps: Option<i16>,
    pub low: bool,
    pub followed: bool,
}

#[derive(Debug, Clone, Default)]
struct Tally {
    invitations: i64,
    responses: i64,
    promoters: i64,
    passives: i64,
    detractors: i64,
    scores: i64,
    satisfied: i64,
    sum: Decimal,
    low: i64,
    followed: i64,
}

impl Tally {
    fn add(&mut self, response: &Scored) {
        self.responses += 1;
        match response.nps {
            Some(9..) => self.promoters += 1,
            Some(7..=8) => self.passives += 1,
            Some(_) => self.detractors += 1,
            None => {}
        }
        if let Some(score) = response.score {
            self.scores += 1;
            self.sum += score.0;
            self.satisfied += i64::from(score.0 >= Decimal::from(4));
        }
        self.low += i64::from(response.low);
        self.followed += i64::from(response.followed);
    }

    fn results(&self) -> Satisfaction {
        let rated = self.promoters + self.passives + self.detractors;
        Satisfaction {
            invitations: self.invitations,
            responses: self.responses,
            response_rate_percent: quotient(100 * self.responses, self.invitations),
            promoters: self.promoters,
            passives: self.passives,
            detractors: self.detractors,
            nps: quotient(100 * (self.promoters - self.detractors), rated),
            scores: self.scores,
            satisfied: self.satisfied,
            csat_percent: quotient(100 * self.satisfied, self.scores),
            average_score: rounded(self.sum, self.scores, 4),
            low_scores: self.low,
            follow_ups: self.followed,
        }
    }
}

/// Tallies overall, by rank of the tier, and by region. Customers without a region come last.
#[derive(Debug, Default)]
struct Tallies<'a> {
    overall: Tally,
    tiers: BTreeMap<usize, (Option<Tier>, Tally)>,
    regions: BTreeMap<(bool, Option<&'a str>), Tally>,
}

impl<'a> Tallies<'a> {
    fn each(&mut self, tier: Option<Tier>, region: Option<&'a str>, count: impl Fn(&mut Tally)) {
        count(&mut self.overall);
        count(&mut self.tiers.entry(place(tier)).or_insert((tier, Tally::default())).1);
        count(self.regions.entry((region.is_none(), region)).or_default());
    }
}

/// A percentage with two decimals.
fn quotient(part: i64, whole: i64) -> Option<String> {
    rounded(part.into(), whole, 2)
}

/// Returns the quotient, rounded half away from zero; `None` if `whole` is 0.
fn rounded(part: Decimal, whole: i64, decimals: u32) -> Option<String> {
    let exact = part.checked_div(Decimal::from(whole))?;
    let away = RoundingStrategy::MidpointAwayFromZero;
    let mut rounded = exact.round_dp_with_strategy(decimals, away);
    rounded.rescale(decimals);
    Some(rounded.to_string())
}

/// Returns the rank of a tier in the results; customers without a tier come last.
fn place(tier: Option<Tier>) -> usize {
    Tier::ALL.iter().position(|known| Some(*known) == tier).unwrap_or(Tier::ALL.len())
}

impl SurveyResults {
    pub(super) fn of(
        survey_id: Uuid,
        invited: &[(Option<Tier>, Option<String>)],
        responses: &[Scored],
    ) -> Self {
        let mut all = Tallies::default();
        for (tier, region) in invited {
            all.each(*tier, region.as_deref(), |tally| tally.invitations += 1);
        }
        for response in responses {
            all.each(response.tier, response.region.as_deref(), |tally| tally.add(response));
        }

        let Tallies { overall, tiers, regions } = all;
        let by_tier = tiers.into_values();
        let by_tier =
            by_tier.map(|(tier, tally)| TierSatisfaction { tier, results: tally.results() });
        let by_region = regions.into_iter().map(|((_, region), tally)| RegionSatisfaction {
            region: region.map(str::to_owned),
            results: tally.results(),
        });

        Self {
            survey_id,
            by_tier: by_tier.collect(),
            by_region: by_region.collect(),
            overall: overall.results(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let invited = [
            (Some(Tier::B), Some("上海".to_owned())),
            (Some(Tier::A), Some("上海".to_owned())),
            (Some(Tier::A), None),
            (None, Some("北京".to_owned())),
            (Some(Tier::A), Some("北京".to_owned())),
        ];
        let scored = |at: usize, score: Option<i64>, nps| {
            let (tier, region) = invited[at].clone();
            let low = score == Some(1);
            let score = score.map(|score| Number(score.into()));
            Scored { tier, region, score, nps, low, followed: low }
        };
        let responses =
            [scored(0, Some(4), Some(9)), scored(1, Some(5), Some(8)), scored(2, Some(1), Some(6))];
        let results = SurveyResults::of(Uuid::nil(), &invited, &responses);
        let told = |it: &Satisfaction| {
            let text = |it: &Option<String>| it.clone().unwrap_or_else(|| "-".into());
            let (rate, nps) = (text(&it.response_rate_percent), text(&it.nps));
            let (csat, average) = (text(&it.csat_percent), text(&it.average_score));
            format!(
                "{}/{} {rate} {}+{}+{} {nps} {}/{} {csat} {average} {}",
                it.responses,
                it.invitations,
                it.promoters,
                it.passives,
                it.detractors,
                it.satisfied,
                it.scores,
                it.low_scores
            )
        };
        assert_eq!(told(&results.overall), "3/5 60.00 1+1+1 0.00 2/3 66.67 3.3333 1");
        let tiers: Vec<_> = results.by_tier.iter().map(|it| (it.tier, told(&it.results))).collect();
        assert_eq!(
            tiers,
            [
                (Some(Tier::A), "2/3 66.67 0+1+1 -50.00 1/2 50.00 3.0000 1".to_owned()),
                (Some(Tier::B), "1/1 100.00 1+0+0 100.00 1/1 100.00 4.0000 0".to_owned()),
                (None, "0/1 0.00 0+0+0 - 0/0 - - 0".to_owned()),
            ]
        );
        let regions: Vec<_> = results.by_region.iter().map(|it| it.region.as_deref()).collect();
        assert_eq!(regions, [Some("上海"), Some("北京"), None]);
        assert_eq!(quotient(100, 0), None);
        assert_eq!(quotient(-1, 8).as_deref(), Some("-0.13"));
    }
}
