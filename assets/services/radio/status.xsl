<?xml version="1.0" encoding="UTF-8"?>
<!-- Who is on air, with a player for each: the page of the radio. Links are relative, for nginx leads to it below /radio/.
     What speakers send of themselves is text, which the processor escapes. -->
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
<xsl:output method="html" encoding="UTF-8" media-type="text/html" doctype-system="about:legacy-compat"/>
<xsl:template match="/icestats">
<html lang="$language">
<head>
<meta name="viewport" content="width=device-width"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; media-src 'self'; style-src 'unsafe-inline'"/>
<title>$title</title>
<style>body{font:1em/1.5 sans-serif;max-width:34em;margin:2em auto;padding:0 1em;overflow-wrap:anywhere}
audio,video{width:100%}</style>
</head>
<body>
<h1>$title</h1>
<p>$purpose</p>
<xsl:if test="not(source[listeners])"><p><b>$nobody</b></p></xsl:if>
<xsl:for-each select="source[listeners]">
<xsl:variable name="address">
<xsl:text>.</xsl:text>
<xsl:call-template name="encoded"><xsl:with-param name="text" select="@mount"/></xsl:call-template>
</xsl:variable>
<h2><a href="{$$address}"><xsl:value-of select="substring(@mount, 2)"/></a></h2>
<xsl:choose>
<xsl:when test="starts-with(server_type, 'video/')">
<video controls="controls" preload="none"><source src="{$$address}" type="{server_type}"/></video>
</xsl:when>
<xsl:otherwise>
<audio controls="controls" preload="none"><source src="{$$address}" type="{server_type}"/></audio>
</xsl:otherwise>
</xsl:choose>
<xsl:for-each select="server_name | server_description | artist | title"><p><xsl:value-of select="."/></p></xsl:for-each>
</xsl:for-each>
<p>$note</p>
</body>
</html>
</xsl:template>
<!-- What means something else in an address; the processor sees to the rest. -->
<xsl:template name="encoded">
<xsl:param name="text"/>
<xsl:variable name="first" select="substring($$text, 1, 1)"/>
<xsl:choose>
<xsl:when test="$$first = '%'">%25</xsl:when>
<xsl:when test="$$first = '?'">%3F</xsl:when>
<xsl:when test="$$first = '#'">%23</xsl:when>
<xsl:otherwise><xsl:value-of select="$$first"/></xsl:otherwise>
</xsl:choose>
<xsl:if test="string-length($$text) &gt; 1">
<xsl:call-template name="encoded"><xsl:with-param name="text" select="substring($$text, 2)"/></xsl:call-template>
</xsl:if>
</xsl:template>
</xsl:stylesheet>
