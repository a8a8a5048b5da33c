locals {
  # CloudWatch's grid has 24 columns.
  width  = 8
  height = 6
  across = 24 / local.width

  charts = [
    for index, chart in var.charts : {
      type   = "metric"
      x      = index % local.across * local.width
      y      = local.height + floor(index / local.across) * local.height
      width  = local.width
      height = local.height
      properties = {
        title  = chart.title
        region = var.region
        stat   = chart.statistic
        period = 60
        view   = "timeSeries"
        # A row is namespace, metric, then each dimension's name and value, then how it is shown.
        metrics = flatten([
          for metric in chart.metrics : [
            for name, dimensions in var.things[chart.watches] : {
              row = concat(
                [coalesce(chart.namespace, var.own_namespace), metric],
                flatten([for dimension, value in dimensions : [dimension, value]]),
              )
              label = length(chart.metrics) == 1 ? name : length(var.things[chart.watches]) == 1 ? metric : "${name} ${metric}"
            }
          ]
        ])
      }
    }
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [
        {
          type       = "alarm"
          x          = 0
          y          = 0
          width      = 24
          height     = local.height
          properties = { title = "Alarms", alarms = var.alarm_arns }
        }
      ],
      [
        for chart in local.charts : merge(chart, {
          properties = merge(chart.properties, {
            metrics = [for metric in chart.properties.metrics : concat(metric.row, [{ label = metric.label }])]
          })
        })
      ],
    )
  })
}
