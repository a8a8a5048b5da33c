locals {
  # One alarm for each thing that a kind watches: `function-errors.risk-score`.
  alarms = merge([
    for kind_name, kind in var.kinds : {
      for name, dimensions in var.things[kind.watches] : "${kind_name}.${name}" => merge(kind, {
        kind       = kind_name
        dimensions = dimensions
        limit = (
          kind.above_share_of_timeout == null
          ? lookup(kind.above_for, name, kind.above)
          : kind.above_share_of_timeout * lookup(var.timeouts_ms, name, 0)
        )
      })
    }
  ]...)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.meaning} ${var.runbooks}/${each.value.kind}.md"

  namespace   = coalesce(each.value.namespace, var.own_namespace)
  metric_name = each.value.metric
  dimensions  = each.value.dimensions

  statistic          = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic = startswith(each.value.statistic, "p") ? each.value.statistic : null
  # A percentile of a few calls is one slow call.
  evaluate_low_sample_count_percentiles = startswith(each.value.statistic, "p") ? "ignore" : null

  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.limit
  period              = each.value.period_s
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.needed
  treat_missing_data  = each.value.silence

  alarm_actions             = [var.topic_arn]
  ok_actions                = [var.topic_arn]
  insufficient_data_actions = []
}
